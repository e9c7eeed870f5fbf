// Pictures: a file, a video or a camera becomes something that can be drawn, with its size.

// Pixels as the file has them: no colour management, no alpha in front of them.
const AS_STORED = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

export async function picture(blob, name = "picture") {
  try {
    const image = await createImageBitmap(blob, AS_STORED);
    return { image, width: image.width, height: image.height, live: false, name };
  } catch {
    throw new Error("This file is not a picture that the browser can read.");
  }
}

export async function video(file) {
  const element = player();
  element.src = URL.createObjectURL(file);
  element.loop = true;
  try {
    await element.play();
  } catch {
    URL.revokeObjectURL(element.src);
    throw new Error("This file is not a video that the browser can play.");
  }
  return live(element, file.name, () => URL.revokeObjectURL(element.src));
}

export async function camera(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("The browser offers no camera here: open the page over https or from this computer.");
  }
  const wanted = { width: { ideal: 640 }, height: { ideal: 480 } };
  const video = deviceId ? { ...wanted, deviceId: { exact: deviceId } } : { ...wanted, facingMode: "environment" };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    const reasons = { NotAllowedError: "The camera was not allowed.", NotFoundError: "There is no camera.", NotReadableError: "The camera is in use by another program." };
    throw new Error(reasons[error.name] ?? `The camera cannot be used (${error.name}).`);
  }
  const element = player();
  element.srcObject = stream;
  await element.play();
  const source = live(element, "camera", () => stream.getTracks().forEach((track) => track.stop()));
  source.deviceId = stream.getVideoTracks()[0]?.getSettings().deviceId;
  return source;
}

export async function cameras() {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === "videoinput");
}

function player() {
  const element = document.createElement("video");
  element.muted = true;
  element.playsInline = true;
  return element;
}

function live(element, name, end) {
  return {
    image: element,
    name,
    get seconds() { return element.currentTime; },
    live: true,
    get width() { return element.videoWidth; },
    get height() { return element.videoHeight; },
    pause(still) { if (still) element.pause(); else element.play(); },
    // Call back at the next frame that has not been seen.
    next(call) {
      if (element.requestVideoFrameCallback) element.requestVideoFrameCallback(call);
      else requestAnimationFrame(call);
    },
    close() { element.pause(); end(); },
  };
}
