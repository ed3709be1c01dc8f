"""Why a network answers as it does, and what is inside it: functions of a network and images."""
