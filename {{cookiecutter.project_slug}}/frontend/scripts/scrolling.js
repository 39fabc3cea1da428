// Follows the newest message, unless the person has scrolled away from it.

const NEAR_PIXELS = 40;

/**
 * Watch a box and return `follow()`, which keeps its end in view while the person is there, and `toEnd()`, which goes there.
 * `button` is shown while there is something newer below.
 */
export function watchScrolling(box, button) {
  let stuck = true;
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PIXELS;
  const show = () => (button.hidden = stuck || isAtEnd());
  const toEnd = () => {
    stuck = true;
    box.scrollTop = box.scrollHeight;
    show();
  };
  // only the person's own scrolling decides: text that grows moves nothing
  box.addEventListener("scroll", () => {
    stuck = isAtEnd();
    show();
  });
  button.addEventListener("click", toEnd);
  return { toEnd, follow: () => (stuck ? toEnd() : show()) };
}
