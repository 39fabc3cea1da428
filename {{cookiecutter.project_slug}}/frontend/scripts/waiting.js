// A page that was told to wait, waits (control web-limit): the words of Retry-After are shown as a countdown, and kept.
// Fails closed: without a number it waits a little. The server is the authority: it refuses what comes all the same.

import { notify } from "./frame.js";

const LONGEST_WAIT = 600; // seconds; a budget that begins anew tomorrow is nothing to sit and wait for
const DEFAULT_WAIT = 5;

/** Keep `button` disabled for as long as a refusal says; whatever else would send must ask `isWaiting`. */
export function waitAsTold(error, button) {
  notify(error.message);
  const told = error.status === 429 || error.status === 503;
  if (!told || error.wait > LONGEST_WAIT) return;
  const end = Date.now() + (error.wait ?? DEFAULT_WAIT) * 1000;
  const show = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    notify(left > 0 ? `${error.message} (${left} s)` : "");
    if (left <= 0) clearInterval(timer);
  };
  const timer = setInterval(show, 250);
  show();
}

/** Say whether the button still waits. */
export function isWaiting(button) {
  return button.disabled;
}
