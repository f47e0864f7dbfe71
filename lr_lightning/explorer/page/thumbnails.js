import { element } from "explorer/dom.js";

/**
 * A row of decoded codes; a click on one moves to its code.
 */
export class Thumbnails {
  #purpose;
  #scheduler;
  #painter;
  #move;
  #codes = [];

  /**
   * @param {HTMLElement} container
   * @param {string} purpose a name of its own, for the scheduler
   * @param {object} page `scheduler` and `painter`
   * @param {(code: number[], index: number) => void} move
   */
  constructor(container, purpose, { scheduler, painter }, move) {
    this.container = container;
    this.#purpose = purpose;
    this.#scheduler = scheduler;
    this.#painter = painter;
    this.#move = move;
  }

  /**
   * Show codes. Pictures of as many earlier codes stay until theirs are decoded, so that the row does not flicker.
   *
   * @param {number[][]} codes
   * @param {string[]} labels
   */
  show(codes, labels) {
    this.#codes = codes;
    if (this.container.children.length !== codes.length) {
      this.container.replaceChildren(...codes.map((_, index) => this.#button(index)));
    }
    labels.forEach((label, index) => {
      const button = this.container.children[index];
      if (button.title === label) return;
      button.title = label;
      button.setAttribute("aria-label", label);
    });
    this.#scheduler.whenIdle(this.#purpose, codes, (index, { observation }) => {
      const button = this.container.children[index];
      this.#painter.paint(button.firstChild, observation);
      button.classList.remove("waiting");
    });
  }

  /** Mark one thumbnail as the present one; none if `index` is null. */
  mark(index) {
    [...this.container.children].forEach((button, place) => {
      if ((button.ariaPressed === "true") !== (place === index)) button.ariaPressed = String(place === index);
    });
  }

  #button(index) {
    const canvas = element("canvas", { class: this.#painter.isPixelated ? "pixels" : "" });
    return element(
      "button",
      { type: "button", class: "thumbnail waiting", click: () => this.#move(this.#codes[index], index) },
      canvas,
    );
  }
}
