import { d3, sharpContext, shortNumber, significant } from "explorer/charts.js";
import { byId, chooser, element, legend, setText } from "explorer/dom.js";
import { arrow, drawAxes, drawField, slicePlane } from "explorer/slice-drawing.js";

const KEY_STEPS = 40; // presses of an arrow key across the slice

/**
 * A slice along two latents: where one round trip moves codes (arrows), and its divergence (colors).
 *
 * Dragging the point moves the code through the slice. The field was computed with all other latents at the base of the
 * slice, so the first move sets those, too.
 */
export class SliceView {
  #state;
  #chooser = element("div");
  #canvas;
  #readout;
  #overlay = overlay(); // the point and its response, apart from the field: a move changes a few pixels only
  #drawn = null; // width of the drawn field
  #isWaiting = false; // for the next frame

  constructor({ state, live }) {
    this.#state = state;
    const { slices, latents } = state.data;
    const canCompute = live !== null && latents.length > 1;
    byId("slice").hidden = slices.length === 0 && !canCompute;
    this.#canvas = element("canvas", {
      class: "slice",
      tabindex: 0,
      role: "application",
      pointerdown: (event) => this.#grab(event),
      pointerup: () => state.endGesture(),
      pointermove: (event) => this.#canvas.hasPointerCapture(event.pointerId) && this.#drag(event),
      keydown: (event) => this.#key(event),
    });
    this.#readout = element("p", { class: "caption readout" });
    byId("slice-content").append(
      this.#chooser,
      ...(canCompute ? [this.#computation(live)] : []),
      element("div", { class: "plane" }, this.#canvas, this.#overlay.node()),
      chartLegend(),
      this.#readout,
    );
    if (slices.length > 0) this.#offer();
    new ResizeObserver(() => this.#redraw()).observe(this.#canvas.parentElement);
    addEventListener("theme", () => this.#redraw());
    state.addEventListener("view", () => this.#redraw());
    state.addEventListener("code", () => this.#drawSoon());
    state.addEventListener("result", () => this.#drawSoon());
  }

  get #slice() {
    return this.#state.data.slices[this.#state.view.slice];
  }

  get #plane() {
    return slicePlane(this.#slice, this.#canvas.parentElement.clientWidth);
  }

  /** Offer all slices that there are. */
  #offer() {
    const { slices, latents } = this.#state.data;
    const titles = slices.map(({ latents: [first, second] }) => `${latents[first].name} × ${latents[second].name}`);
    const select = chooser("Slice", titles, (slice) => this.#state.setView({ slice }));
    this.#chooser.replaceWith(select);
    this.#chooser = select;
  }

  /** Return a form that has the server compute a slice through the present code. */
  #computation(live) {
    const { latents, slices } = this.#state.data;
    const options = () =>
      this.#state.byActivity.map((index) => element("option", { value: index }, latents[index].name));
    const [first, second] = ["First latent", "Second latent"].map((label) =>
      element("select", { "aria-label": label }, ...options()),
    );
    second.selectedIndex = 1;
    const compute = async () => {
      button.disabled = true;
      const found = await live.ask("slice", {
        latents: [Number(first.value), Number(second.value)],
        base: this.#state.code,
      });
      button.disabled = false;
      if (found === null) return;
      slices.push(found);
      this.#offer();
      this.#state.setView({ slice: slices.length - 1 });
    };
    const button = element("button", { type: "button", click: compute }, "Compute at the present code");
    return element("p", { class: "computation" }, first, " × ", second, " ", button);
  }

  #redraw() {
    if (this.#slice === undefined) return;
    this.#drawn = null;
    this.#chooser.selectedIndex = this.#state.view.slice;
    const [first, second] = this.#names();
    const label = `Slice along ${first} and ${second}: drag the point, or move it with arrow keys`;
    this.#canvas.setAttribute("aria-label", label);
    this.#drawSoon();
  }

  #names() {
    return this.#slice.latents.map((index) => this.#state.data.latents[index].name);
  }

  #drawSoon() {
    if (this.#isWaiting || this.#slice === undefined) return;
    this.#isWaiting = true;
    requestAnimationFrame(() => {
      this.#isWaiting = false;
      this.#draw();
    });
  }

  #draw() {
    const plane = this.#plane;
    if (plane.width === 0) return; // hidden
    this.#drawField(plane);
    const { code, result } = this.#state;
    const [first, second] = this.#slice.latents;
    const [x, y] = [plane.x(code[first]), plane.y(code[second])];
    this.#overlay.select("circle").attr("cx", x).attr("cy", y);
    const response = result?.response ?? code;
    this.#overlay.select("path").attr("d", arrow([x, y], [plane.x(response[first]), plane.y(response[second])], 8));
    this.#describe();
  }

  #drawField(plane) {
    if (this.#drawn === plane.width) return;
    this.#drawn = plane.width;
    const context = sharpContext(this.#canvas, plane.width, plane.height);
    drawField(context, this.#slice, plane);
    drawAxes(context, plane, this.#names());
    this.#overlay.attr("width", plane.width).attr("height", plane.height);
  }

  #describe() {
    const { code } = this.#state;
    const { latents, base } = this.#slice;
    const [x, y] = latents.map((index) => code[index]);
    const isOnSlice = code.every((value, index) => latents.includes(index) || value === base[index]);
    const place = `z = (${shortNumber(x)}, ${shortNumber(y)})`;
    const about = isOnSlice
      ? this.#divergenceAt(x, y)
      : "Other latents differ from those for which the field was computed; dragging the point sets them.";
    setText(this.#readout, `${place}. ${about}`);
  }

  #divergenceAt(x, y) {
    const { xs, ys, divergence } = this.#slice;
    if (x < xs[0] || x > xs.at(-1) || y < ys[0] || y > ys.at(-1)) return "Outside of the slice.";
    const value = divergence[d3.bisectCenter(xs, x)][d3.bisectCenter(ys, y)];
    return `Divergence ${significant(value)} at the nearest node.`;
  }

  #grab(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.focus({ preventScroll: true });
    this.#drag(event);
    event.preventDefault();
  }

  #drag(event) {
    const { x, y } = this.#plane;
    const bounds = this.#canvas.getBoundingClientRect();
    this.#moveTo(x.invert(event.clientX - bounds.left), y.invert(event.clientY - bounds.top));
  }

  #moveTo(...values) {
    const { latents, base } = this.#slice;
    const { x, y } = this.#plane;
    const code = [...base];
    [x, y].forEach((scale, axis) => {
      const [low, high] = scale.domain();
      code[latents[axis]] = Math.min(high, Math.max(low, values[axis]));
    });
    this.#state.move(code, { gesture: "slice" });
  }

  #key(event) {
    const moves = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    const move = moves[event.key];
    if (move === undefined || this.#slice === undefined) return;
    const { xs, ys, latents } = this.#slice;
    const steps = [xs, ys].map((values) => (values.at(-1) - values[0]) / KEY_STEPS);
    this.#moveTo(...latents.map((index, axis) => this.#state.code[index] + move[axis] * steps[axis]));
    event.preventDefault();
    event.stopPropagation();
  }
}

function overlay() {
  const svg = d3.create("svg").attr("class", "overlay").attr("aria-hidden", "true");
  svg.append("path");
  svg.append("circle").attr("r", 7);
  return svg;
}

function chartLegend() {
  return legend({
    contracts: "contracts (divergence below 0)",
    expands: "expands (above 0)",
    arrow: "from z towards h(z), length as the square root of the distance",
    "response line": "response of the present code",
  });
}
