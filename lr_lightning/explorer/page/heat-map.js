import { d3, sharpContext, themeColor } from "explorer/charts.js";
import { element } from "explorer/dom.js";

const LARGEST_CELL = 40; // pixels
const ROOM_FOR_NUMBERS = 27; // pixels
const HINT = "Point at a cell to read it.";
const FEW_ROWS = 20;
const LOWEST_ROW = 22; // pixels, if rows are few
const FONT = "11px system-ui, sans-serif";

/**
 * A matrix as colored cells that can be clicked, or chosen with the arrow keys and Enter.
 *
 * Colors run from 0 (viridis); where there are negative entries, from purple to orange around 0.
 */
export class HeatMap {
  #values;
  #rows;
  #columns;
  #pick;
  #color;
  #geometry = null;
  #cursor = null; // [row, column] under the pointer or chosen by keys
  #pressed = null;
  #marked = null; // [row, column] of the last intervention

  /**
   * @param {object} matrix
   * @param {(number | null)[][]} matrix.values
   * @param {string[]} matrix.rows labels
   * @param {string[]} matrix.columns labels
   * @param {string} matrix.label for readers that cannot see it
   * @param {(row: number, column: number) => string} matrix.describe a sentence on a cell
   * @param {(row: number, column: number) => void} pick
   */
  constructor({ values, rows, columns, label, describe }, pick) {
    this.#values = values;
    this.#rows = rows;
    this.#columns = columns;
    this.#pick = pick;
    this.#color = colorScale(values.flat());
    this.canvas = element("canvas", {
      class: "heat-map",
      tabindex: 0,
      role: "application",
      "aria-label": `${label}: arrow keys choose a cell, Enter intervenes`,
      pointermove: (event) => this.#point(this.#cellAt(event)),
      pointerleave: () => this.#point(null),
      pointerdown: (event) => (this.#pressed = this.#cellAt(event)), // clicks have rounded coordinates
      click: () => this.#choose(this.#pressed),
      keydown: (event) => this.#key(event),
    });
    this.readout = element("p", { class: "caption readout", "aria-live": "polite" }, HINT);
    this.describe = describe;
    this.node = element("div", {}, this.canvas, this.readout);
    new ResizeObserver(() => requestAnimationFrame(() => this.draw())).observe(this.node);
    addEventListener("theme", () => this.draw());
  }

  /** Outline the cell of an intervention, `[row, column]`; none if it is null. */
  mark(marked) {
    if (String(marked) === String(this.#marked)) return;
    this.#marked = marked;
    this.draw();
  }

  draw() {
    const width = this.node.clientWidth;
    if (width === 0) return; // hidden
    const geometry = this.#measure(width);
    const { left, top, cell, high } = geometry;
    this.#geometry = geometry;
    const context = sharpContext(this.canvas, width, top + high * this.#rows.length + 2);
    context.font = FONT;
    this.#values.forEach((row, y) =>
      row.forEach((value, x) => this.#drawCell(context, value, left + x * cell, top + y * high, cell, high)),
    );
    this.#drawLabels(context, geometry);
    if (this.#marked !== null) {
      this.#outline(context, this.#marked, "#fff", 5);
      this.#outline(context, this.#marked, themeColor("--response"), 3);
    }
    if (this.#cursor !== null) this.#outline(context, this.#cursor, themeColor("--text"), 1.5);
  }

  #measure(width) {
    const context = this.canvas.getContext("2d");
    context.font = FONT;
    const left = Math.min(0.3 * width, 8 + d3.max(this.#rows, (label) => context.measureText(label).width));
    const cell = Math.min(LARGEST_CELL, (width - left - 2) / this.#columns.length);
    const high = this.#rows.length > FEW_ROWS ? cell : Math.max(cell, LOWEST_ROW);
    return { left, top: 18, cell, high };
  }

  #drawCell(context, value, x, y, cell, high) {
    const gap = cell > 8 ? 1 : 0;
    const isDefined = value !== null;
    context.fillStyle = isDefined ? this.#color(value) : themeColor("--missing");
    context.fillRect(x, y, cell - gap, high - gap);
    if (!isDefined || cell < ROOM_FOR_NUMBERS) return;
    context.fillStyle = d3.hcl(this.#color(value)).l > 60 ? "#000" : "#fff";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(
      Math.abs(value) < 0.005 ? "0" : value.toFixed(Math.abs(value) < 10 ? 2 : 0),
      x + cell / 2,
      y + high / 2,
    );
  }

  #drawLabels(context, { left, top, cell, high }) {
    context.fillStyle = themeColor("--text");
    context.textBaseline = "middle";
    context.textAlign = "right";
    const everyRow = Math.ceil(12 / high);
    this.#rows.forEach((label, y) => {
      if (y % everyRow === 0) context.fillText(label, left - 5, top + (y + 0.5) * high, left - 6);
    });
    context.textAlign = "center";
    const widest = 4 + d3.max(this.#columns, (label) => context.measureText(label).width);
    const everyColumn = Math.ceil(widest / cell);
    this.#columns.forEach((label, x) => {
      if (x % everyColumn === 0) context.fillText(label, left + (x + 0.5) * cell, top - 9);
    });
  }

  #outline(context, [row, column], color, width) {
    const { left, top, cell, high } = this.#geometry;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.strokeRect(left + column * cell - 0.5, top + row * high - 0.5, cell, high);
  }

  #cellAt(event) {
    if (this.#geometry === null) return null;
    const { left, top, cell, high } = this.#geometry;
    const bounds = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - bounds.left - left) / cell);
    const row = Math.floor((event.clientY - bounds.top - top) / high);
    return row in this.#rows && column in this.#columns ? [row, column] : null;
  }

  #point(cell) {
    if (String(cell) === String(this.#cursor)) return;
    this.#cursor = cell;
    this.canvas.style.cursor = cell === null ? "default" : "pointer";
    this.readout.textContent = cell === null ? HINT : this.describe(...cell);
    this.draw();
  }

  #choose(cell) {
    if (cell !== null) this.#pick(...cell);
  }

  #key(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const move = moves[event.key];
    if (move !== undefined) {
      const [row, column] = this.#cursor ?? this.#marked ?? [0, 0];
      const clamp = (value, length) => Math.min(length - 1, Math.max(0, value));
      this.#point([clamp(row + move[0], this.#rows.length), clamp(column + move[1], this.#columns.length)]);
    } else if (event.key === "Enter" || event.key === " ") {
      this.#choose(this.#cursor);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Return a color scale of matrix entries. */
function colorScale(entries) {
  const defined = entries.filter((value) => value !== null);
  const top = d3.max(defined, Math.abs) || 1;
  return d3.min(defined) < 0
    ? d3.scaleSequential([-top, top], d3.interpolatePuOr)
    : d3.scaleSequential([0, top], d3.interpolateViridis);
}
