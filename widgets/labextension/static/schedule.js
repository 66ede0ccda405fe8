// A page that gets more updates than it can draw stays usable: at most ten redraws a second for each widget, and the last state always.

export const PERIOD = 100; // milliseconds

// limited returns a function that asks for a draw. While the page is hidden none is made.
export function limited(draw, period = PERIOD) {
  let waiting = false;
  let last = -Infinity;
  const run = () => {
    waiting = false;
    last = performance.now();
    draw();
  };
  const ask = () => {
    if (waiting) return;
    waiting = true;
    const wait = last + period - performance.now();
    if (wait > 0) setTimeout(() => requestAnimationFrame(run), wait);
    else requestAnimationFrame(run);
  };
  return ask;
}
