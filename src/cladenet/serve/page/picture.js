// A picture: as it is shown, as it is sent, and the small copy of it that stays.
"use strict";

const SIDE = 320; // of the copy, at most

// The server may read what a browser cannot show, such as TIFF.
async function see(source) {
  $("view").src = source;
  const seen = await $("view").decode().then(() => true, () => false);
  $("view").hidden = !seen;
  $("unseen").hidden = seen;
}

// Files that are larger than the server takes are drawn anew, upright, in at most 2048 pixels.
async function fitting(file) {
  if (file.size <= bodyBytes) return { body: file, note: "" };
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, 2048 / Math.max(bitmap.width, bitmap.height));
  const width = Math.round(bitmap.width * scale);
  const height = Math.round(bitmap.height * scale);
  const canvas = element("canvas", { width, height });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, width, height);
  const body = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return { body, note: word("smaller", { width, height }) };
}

function smallCopy(image) {
  const scale = Math.min(1, SIDE / Math.max(image.naturalWidth, image.naturalHeight));
  const canvas = element("canvas", {
    width: Math.max(1, Math.round(image.naturalWidth * scale)),
    height: Math.max(1, Math.round(image.naturalHeight * scale)),
  });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL("image/jpeg", 0.8);
}
