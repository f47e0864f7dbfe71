import { d3, themeColor } from "explorer/charts.js";

const MOST_ARROWS = 21; // per side
const MARGIN = { left: 38, right: 8, top: 8, bottom: 34 }; // pixels

/** Return size and scales of a drawing of a slice that is `width` pixels wide; nodes are at the centers of cells. */
export function slicePlane({ xs, ys }, width) {
  const height = Math.min(width, 460);
  const [halfX, halfY] = [xs, ys].map((values) => (values.at(-1) - values[0]) / (values.length - 1) / 2);
  return {
    width,
    height,
    x: d3.scaleLinear([xs[0] - halfX, xs.at(-1) + halfX], [MARGIN.left, width - MARGIN.right]),
    y: d3.scaleLinear([ys[0] - halfY, ys.at(-1) + halfY], [height - MARGIN.bottom, MARGIN.top]),
  };
}

/** Return the color of each node: purple where round trips contract, orange where they expand. */
function divergenceColors(divergence) {
  const magnitudes = divergence
    .flat()
    .filter((value) => value !== null)
    .map(Math.abs)
    .sort(d3.ascending);
  const limit = d3.quantile(magnitudes, 0.98) || 1; // a single jump would wash out the rest, as in the figures
  const color = d3.scaleSequential([-limit, limit], d3.interpolatePuOr).clamp(true);
  return divergence.map((column) => column.map((value) => (value === null ? themeColor("--missing") : color(value))));
}

/** Draw the divergence as the colors of cells around the nodes, and on it how a round trip moves the nodes. */
export function drawField(context, slice, plane) {
  const colors = divergenceColors(slice.divergence);
  drawCells(context, slice, plane, colors);
  drawArrows(context, slice, plane, colors);
}

function drawCells(context, { xs, ys }, { x, y }, colors) {
  const [wide, high] = [Math.abs(x(xs[1]) - x(xs[0])), Math.abs(y(ys[1]) - y(ys[0]))];
  colors.forEach((column, a) =>
    column.forEach((color, b) => {
      context.fillStyle = color;
      context.fillRect(x(xs[a]) - wide / 2, y(ys[b]) - high / 2, wide + 0.5, high + 0.5);
    }),
  );
}

/** Draw displacements as arrows that are as long as their square root, and can be told from the cells below. */
function drawArrows(context, { xs, ys, field }, { x, y }, colors) {
  const every = Math.ceil(Math.max(xs.length, ys.length) / MOST_ARROWS);
  const room = every * Math.min(Math.abs(x(xs[1]) - x(xs[0])), Math.abs(y(ys[1]) - y(ys[0])));
  const longest = d3.max(field.flat(), ([dx, dy]) => Math.hypot(dx, dy)) || 1;
  for (let a = 0; a < xs.length; a += every) {
    for (let b = 0; b < ys.length; b += every) {
      const [dx, dy] = field[a][b];
      const length = Math.hypot(dx, dy);
      if (!(length > 0)) continue;
      const [across, down] = [x(dx) - x(0), y(dy) - y(0)]; // pixels
      const scale = (1.2 * room * Math.sqrt(length / longest)) / Math.hypot(across, down);
      const start = [x(xs[a]), y(ys[b])];
      context.strokeStyle = d3.hcl(colors[a][b]).l > 50 ? "#222" : "#eee";
      context.stroke(new Path2D(arrow(start, [start[0] + scale * across, start[1] + scale * down], 5)));
    }
  }
}

/** Return an arrow as the commands of an SVG path, with lengths in pixels. */
export function arrow([startX, startY], [endX, endY], headLength) {
  const length = Math.hypot(endX - startX, endY - startY);
  const angle = Math.atan2(endY - startY, endX - startX);
  const head = Math.min(headLength, 0.5 * length);
  const corner = (side) => `${endX - head * Math.cos(angle + side)},${endY - head * Math.sin(angle + side)}`;
  return `M${startX},${startY}L${endX},${endY}M${corner(-0.5)}L${endX},${endY}L${corner(0.5)}`;
}

export function drawAxes(context, { width, height, x, y }, [first, second]) {
  context.fillStyle = themeColor("--text");
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of x.ticks(6)) context.fillText(x.tickFormat(6)(tick), x(tick), height - MARGIN.bottom + 4);
  context.fillText(first, (MARGIN.left + width - MARGIN.right) / 2, height - 14);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of y.ticks(6)) context.fillText(y.tickFormat(6)(tick), MARGIN.left - 5, y(tick));
  context.save();
  context.translate(8, (MARGIN.top + height - MARGIN.bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(second, 0, 0);
  context.restore();
}
