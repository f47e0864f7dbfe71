import { d3 } from "explorer/charts.js";
import { byId, element, legend } from "explorer/dom.js";
import { LatentRow } from "explorer/latent-row.js";

const BATCH = 20; // rows that are shown at once, of models with many latents
const SEARCHABLE = 12;

/**
 * The panel of latents: active ones by activity, passive ones folded away, and a search where there are many.
 *
 * Only rows that were shown exist, so a move stays fast with a thousand latents.
 */
export class LatentPanel {
  #state;
  #rows = new Map();
  #scale;
  #active;
  #passive;
  #query = "";
  #numActive = BATCH;
  #numPassive = BATCH;
  #extra = new Set(); // latents that were chosen elsewhere and would not be shown otherwise

  constructor({ state }) {
    this.#state = state;
    const { latents } = state.data;
    this.#active = state.byActivity.filter((index) => latents[index].is_active);
    this.#passive = state.byActivity.filter((index) => !latents[index].is_active);
    const shared = (this.#active.length > 0 ? this.#active : this.#passive).map((index) => latents[index]);
    const ends = d3.extent([0, ...shared.flatMap(({ low, high }) => [low, high])]);
    this.#scale = d3.scaleLinear(ends, [2, 98]).clamp(true);
    this.#build(latents.length);
    this.#arrange();
    state.addEventListener("code", () => this.#each((row) => row.showCode(state)));
    state.addEventListener("result", () => this.#each((row) => row.showResult(state)));
    state.addEventListener("example", () => this.#each((row) => row.showExample(state)));
    state.addEventListener("latent", () => this.#choose());
    state.addEventListener("intervention", () => this.#reveal(state.intervention.responding));
  }

  /** Return the latent above or below the chosen one. */
  neighbor(step) {
    const shown = [...byId("latents-content").querySelectorAll("[data-latent]")]
      .filter((node) => node.offsetParent !== null)
      .map((node) => Number(node.dataset.latent));
    const place = shown.indexOf(this.#state.latent);
    return shown[Math.min(shown.length - 1, Math.max(0, place + step))];
  }

  /** Move the keyboard's focus to the slider of the chosen latent. */
  focus() {
    const row = this.#rows.get(this.#state.latent);
    row.focus();
    row.node.scrollIntoView({ block: "nearest" });
  }

  search() {
    this.searchField.focus();
  }

  #build(numLatents) {
    this.searchField = element("input", {
      type: "search",
      placeholder: `Search ${numLatents} latents`,
      "aria-label": "Search latents",
      input: () => {
        this.#query = this.searchField.value.trim().toLowerCase();
        this.fold.open = this.#query !== "" || this.#active.length === 0;
        this.#arrange();
      },
    });
    this.searchField.hidden = numLatents <= SEARCHABLE;
    this.activeRows = element("div", { class: "rows" });
    this.passiveRows = element("div", { class: "rows" });
    this.summary = element("summary");
    this.fold = element("details", { toggle: () => this.#arrange() }, this.summary, this.passiveRows);
    this.fold.open = this.#active.length === 0;
    byId("latents-content").append(
      this.searchField,
      element(
        "div",
        { class: "latent heads", "aria-hidden": "true" },
        element("span", {}, "latent"),
        element("span", {}, "slider"),
        element("span", { class: "value" }, "z"),
        element("span", { class: "response-value" }, "h(z)"),
        this.#axis(),
      ),
      this.activeRows,
      this.fold,
      chartLegend(),
    );
  }

  /** Return the axis of the bars. */
  #axis() {
    const ticks = this.#scale.ticks(3);
    const svg = d3.create("svg").attr("class", "bars axis");
    svg
      .selectAll("text")
      .data(ticks)
      .join("text")
      .attr("x", (tick) => `${this.#scale(tick)}%`)
      .attr("y", 14)
      .text((tick) => this.#scale.tickFormat(3)(tick));
    return svg.node();
  }

  #arrange() {
    const matches = (index) => this.#state.data.latents[index].name.toLowerCase().includes(this.#query);
    const [active, passive] = [this.#active.filter(matches), this.#passive.filter(matches)];
    const unshown = [...this.#extra].filter(
      (index) => !active.slice(0, this.#numActive).includes(index) && !this.#passiveShown(passive).includes(index),
    );
    this.activeRows.replaceChildren(
      ...[...active.slice(0, this.#numActive), ...unshown].map((index) => this.#row(index).node),
      ...this.#more(active.length - this.#numActive, () => (this.#numActive += BATCH)),
    );
    this.fold.hidden = passive.length === 0;
    this.summary.textContent = `${passive.length} passive ${passive.length === 1 ? "latent" : "latents"}`;
    this.passiveRows.replaceChildren(
      ...this.#passiveShown(passive).map((index) => this.#row(index).node),
      ...(this.fold.open ? this.#more(passive.length - this.#numPassive, () => (this.#numPassive += BATCH)) : []),
    );
  }

  #passiveShown(passive) {
    return this.fold.open ? passive.slice(0, this.#numPassive) : [];
  }

  #more(remaining, enlarge) {
    if (remaining <= 0) return [];
    const show = () => {
      enlarge();
      this.#arrange();
    };
    return [element("button", { type: "button", class: "more", click: show }, `Show more (${remaining} left)`)];
  }

  #row(index) {
    let row = this.#rows.get(index);
    if (row === undefined) {
      row = new LatentRow(this.#state.data.latents[index], this.#state, this.#scale);
      this.#rows.set(index, row);
    }
    return row;
  }

  #choose() {
    this.#reveal(this.#state.latent);
    this.#each((row) => row.showChoice(this.#state));
  }

  /** Make sure that a latent is shown. */
  #reveal(index) {
    if (this.#rows.get(index)?.node.isConnected) return;
    this.#extra.add(index);
    this.#arrange();
  }

  #each(update) {
    this.#rows.forEach(update);
  }
}

function chartLegend() {
  return legend({
    code: "code z",
    response: "response h(z), its decoded observation encoded again",
    spread: "mean ± 1 standard deviation of the data",
    before: "response before the last click on a matrix",
    posterior: "posterior of the chosen observation, ± 1 standard deviation",
  });
}
