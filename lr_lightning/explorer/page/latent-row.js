import { d3, shortNumber, significant } from "explorer/charts.js";
import { element, setText } from "explorer/dom.js";

/**
 * One latent: its name, a slider with the response on it, numbers, and bars of code and response on a shared scale.
 */
export class LatentRow {
  #latent;
  #slider;
  #value;
  #response;
  #name;
  #bars;

  /**
   * @param {object} latent of the data object
   * @param {State} state
   * @param {d3.ScaleLinear} scale from latent units to percent, shared by the bars of all latents
   */
  constructor(latent, state, scale) {
    this.#latent = latent;
    const { index, name, low, high, activity } = latent;
    this.#name = element(
      "button",
      {
        type: "button",
        class: "name",
        title: `${name}, activity ${significant(activity)}`,
        click: () => state.choose(index),
      },
      name,
    );
    this.#slider = element("input", {
      type: "range",
      min: low,
      max: high,
      step: "any",
      "aria-label": name,
      focus: () => state.latent !== index && state.choose(index),
      input: () => state.moveLatent(index, Number(this.#slider.value), `slider ${index}`),
      change: () => state.endGesture(),
    });
    this.#value = element("input", {
      type: "number",
      step: "any",
      class: "value",
      "aria-label": `${name}, value`,
      change: () => this.#value.value !== "" && state.moveLatent(index, Number(this.#value.value)),
    });
    this.#response = element("output", { class: "response-value", "aria-label": `Response of ${name}` });
    this.#bars = new Bars(latent, scale);
    this.node = element(
      "div",
      { class: "latent", "data-latent": index },
      this.#name,
      element(
        "div",
        { class: "track" },
        element("span", { class: "spread" }),
        this.#slider,
        element("span", { class: "marker" }),
      ),
      this.#value,
      this.#response,
      this.#bars.node,
    );
    this.#place("--from", latent.mean - latent.deviation);
    this.#place("--to", latent.mean + latent.deviation);
    this.showCode(state);
    this.showResult(state);
    this.showExample(state);
    this.showChoice(state);
  }

  showCode(state) {
    const value = state.code[this.#latent.index];
    this.#slider.value = value;
    this.#slider.setAttribute("aria-valuetext", shortNumber(value));
    if (document.activeElement !== this.#value) this.#value.value = value.toFixed(2);
    this.#bars.showCode(value);
  }

  showResult(state) {
    const { result, intervention } = state;
    if (result === null) return;
    const { index } = this.#latent;
    const response = result.response[index];
    this.#place("--response-place", response);
    setText(this.#response, shortNumber(response));
    this.#bars.showResponse(response, intervention?.before?.[index]);
    this.node.classList.toggle("responding", intervention?.responding === index);
  }

  showExample(state) {
    const example = state.data.examples[state.example];
    const { index } = this.#latent;
    this.#bars.showPosterior(example?.code[index], example?.deviations?.[index]);
  }

  showChoice(state) {
    const isChosen = state.latent === this.#latent.index;
    this.node.classList.toggle("chosen", isChosen);
    this.#name.setAttribute("aria-pressed", isChosen);
  }

  focus() {
    this.#slider.focus({ preventScroll: true });
  }

  /** Set a custom property to the place of a value on the slider, a fraction. */
  #place(property, value) {
    const { low, high } = this.#latent;
    const fraction = Math.min(1, Math.max(0, (value - low) / (high - low)));
    this.node.style.setProperty(property, Number.isFinite(fraction) ? fraction : 0);
  }
}

/** Bars of the code and of the response, above each other, from 0. */
class Bars {
  #scale;
  #code;
  #response;
  #before;
  #posterior;

  constructor({ mean, deviation }, scale) {
    this.#scale = scale;
    const svg = d3.create("svg").attr("class", "bars").attr("aria-hidden", "true");
    const rect = (name, y, height) => svg.append("rect").attr("class", name).attr("y", y).attr("height", height);
    span(rect("spread", 1, 22), scale(mean - deviation), scale(mean + deviation));
    this.#code = rect("code", 4, 7);
    this.#response = rect("response", 13, 7);
    this.#before = svg
      .append("line")
      .attr("class", "before")
      .attr("y1", 11)
      .attr("y2", 22)
      .attr("visibility", "hidden");
    this.#posterior = svg.append("line").attr("class", "posterior").attr("y1", 7.5).attr("y2", 7.5);
    svg.append("line").attr("class", "zero").attr("y1", 0).attr("y2", 24).call(at, scale(0));
    this.node = svg.node();
  }

  showCode(value) {
    span(this.#code, this.#scale(0), this.#scale(value));
  }

  /** @param {number | undefined} before the response before an intervention */
  showResponse(value, before) {
    span(this.#response, this.#scale(0), this.#scale(value));
    this.#before.attr("visibility", before === undefined ? "hidden" : "visible");
    if (before !== undefined) this.#before.call(at, this.#scale(before));
  }

  /** Show mean and standard deviation of the posterior of an observation. */
  showPosterior(mean, deviation) {
    const isKnown = mean !== undefined && deviation !== undefined && deviation !== null;
    this.#posterior.attr("visibility", isKnown ? "visible" : "hidden");
    if (!isKnown) return;
    this.#posterior.attr("x1", `${this.#scale(mean - deviation)}%`).attr("x2", `${this.#scale(mean + deviation)}%`);
  }
}

function span(rect, from, to) {
  rect.attr("x", `${Math.min(from, to)}%`).attr("width", `${Math.abs(to - from)}%`);
}

function at(line, place) {
  line.attr("x1", `${place}%`).attr("x2", `${place}%`);
}
