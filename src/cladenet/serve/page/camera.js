// A picture from the camera: in the page where the browser allows it, else by the phone's own app.
"use strict";

const viewfinder = document.getElementById("viewfinder");
const video = document.getElementById("video");
let stream = null;

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) { // a plain http: address of another machine
    document.getElementById("shot").click();
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    trouble(word("noCamera", { why: error.message }));
    return;
  }
  video.srcObject = stream;
  viewfinder.showModal();
}

function closeCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video.srcObject = null;
  if (viewfinder.open) viewfinder.close();
}

function snap() {
  const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  closeCamera();
  canvas.toBlob((blob) => take([new File([blob], "camera.jpg", { type: "image/jpeg" })]),
    "image/jpeg", 0.92);
}

document.getElementById("snap").addEventListener("click", snap);
document.getElementById("close").addEventListener("click", closeCamera);
viewfinder.addEventListener("close", closeCamera);
