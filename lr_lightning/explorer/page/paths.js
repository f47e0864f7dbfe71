import { d3, significant } from "explorer/charts.js";
import { byId, chooser, element } from "explorer/dom.js";
import { Thumbnails } from "explorer/thumbnails.js";

const PICTURES = 7;
const HEIGHT = 130; // pixels of the chart of costs
const KINDS = [
  { key: "response", label: "Path of small responses", costs: "response_costs" },
  { key: "straight", label: "Straight line", costs: "straight_costs" },
];

/** Paths between two codes along which responses are small, and the straight lines between them. */
export class PathView {
  #state;
  #chooser = element("div");
  #caption = element("p", { class: "caption" });
  #chart = element("div", { class: "chart" });
  #lines;
  #shown = null;

  constructor(page) {
    const { state, live } = page;
    this.#state = state;
    const { paths, examples } = state.data;
    const canCompute = live !== null && examples.length > 0;
    byId("paths").hidden = paths.length === 0 && !canCompute;
    this.#lines = KINDS.map((kind) => new PathLine(page, kind));
    byId("paths-content").append(
      this.#chooser,
      ...(canCompute ? [this.#computation(live)] : []),
      ...this.#lines.map((line) => line.node),
      this.#chart,
      this.#caption,
    );
    new ResizeObserver(() => requestAnimationFrame(() => this.#drawCosts())).observe(this.#chart);
    state.addEventListener("view", () => this.#show());
    this.#offer();
    this.#show();
  }

  get #path() {
    return this.#state.data.paths[this.#state.view.path];
  }

  /** Offer all paths that there are. */
  #offer() {
    const titles = this.#state.data.paths.map((_, index) => `Path ${index + 1}`);
    const select = chooser("Path", titles, (path) => this.#state.setView({ path }));
    this.#chooser.replaceWith(select);
    this.#chooser = select;
  }

  /** Return a button that has the server compute a path. */
  #computation(live) {
    const { paths, examples } = this.#state.data;
    const compute = async () => {
      button.disabled = true;
      const end = examples[this.#state.example ?? 0].code;
      const found = await live.ask("path", { from: this.#state.code, to: end });
      button.disabled = false;
      if (found === null) return;
      paths.push(found);
      this.#offer();
      this.#state.setView({ path: paths.length - 1 });
    };
    const label = "Compute from the present code to the chosen observation";
    const button = element("button", { type: "button", click: compute }, label);
    return element("p", { class: "computation" }, button);
  }

  #show() {
    const path = this.#path;
    if (path === undefined || path === this.#shown) return;
    this.#shown = path;
    this.#chooser.selectedIndex = this.#state.view.path;
    this.#caption.textContent = path.caption ?? "";
    this.#lines.forEach((line) => line.show(path[line.key]));
    this.#drawCosts();
  }

  /** Draw how far a round trip moves the points of both paths. */
  #drawCosts() {
    const path = this.#path;
    const lines = KINDS.filter(({ costs }) => path?.[costs]?.length > 1);
    const width = this.#chart.clientWidth;
    if (lines.length === 0 || width === 0) return;
    const top = d3.max(lines.flatMap(({ costs }) => path[costs])) || 1;
    const x = d3.scaleLinear([0, 100], [46, width - 14]);
    const y = d3.scaleLinear([0, top], [HEIGHT - 34, 8]);
    const svg = d3.create("svg").attr("width", width).attr("height", HEIGHT).attr("role", "img");
    svg.attr("aria-label", "Squared displacement along both paths");
    const percent = d3
      .axisBottom(x)
      .ticks(5)
      .tickFormat((tick) => `${tick} %`);
    svg
      .append("g")
      .attr("transform", `translate(0,${HEIGHT - 32})`)
      .call(percent);
    svg.append("g").attr("transform", "translate(42,0)").call(d3.axisLeft(y).ticks(4).tickFormat(significant));
    const title = svg.append("text").attr("class", "axis-title").text("|h(z) − z|² along the way");
    title.attr("x", (46 + width) / 2).attr("y", HEIGHT - 2);
    for (const { key, costs } of lines) {
      const line = d3.line((_, index) => x((100 * index) / (path[costs].length - 1)), y);
      svg.append("path").attr("class", `cost ${key}`).attr("d", line(path[costs]));
    }
    this.#chart.replaceChildren(svg.node());
  }
}

/** One of the two: decoded points, and a slider that moves the code along it. */
class PathLine {
  #codes = [];
  #slider;
  #thumbnails;

  constructor(page, { key, label }) {
    this.key = key;
    const { state } = page;
    this.#slider = element("input", {
      type: "range",
      min: 0,
      step: "any",
      value: 0,
      "aria-label": `Position on the ${label.toLowerCase()}`,
      input: () => state.move(this.#at(Number(this.#slider.value)), { gesture: `path ${key}` }),
      change: () => state.endGesture(),
    });
    const strip = element("div", { class: "strip" });
    this.#thumbnails = new Thumbnails(strip, `path ${key}`, page, (code, index) => {
      this.#slider.value = this.#positions()[index];
      state.move(code);
    });
    this.node = element("div", { class: `path ${key}` }, element("h3", {}, label), strip, this.#slider);
    this.node.hidden = true;
  }

  show(codes) {
    this.#codes = codes;
    this.node.hidden = false;
    this.#slider.max = codes.length - 1;
    this.#slider.value = 0;
    const positions = this.#positions();
    this.#thumbnails.show(
      positions.map((position) => this.#at(position)),
      positions.map((position) => `${Math.round((100 * position) / (codes.length - 1))} % of the way`),
    );
  }

  #positions() {
    return Array.from({ length: PICTURES }, (_, index) => (index * (this.#codes.length - 1)) / (PICTURES - 1));
  }

  /** Return the code at a position between two points of the path. */
  #at(position) {
    const before = Math.min(Math.floor(position), this.#codes.length - 2);
    const fraction = position - before;
    const [start, end] = [this.#codes[before], this.#codes[before + 1]];
    return start.map((value, index) => (1 - fraction) * value + fraction * end[index]);
  }
}
