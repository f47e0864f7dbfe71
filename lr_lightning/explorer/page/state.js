const MOST_UNDONE = 500;

/**
 * What the reader looks at: the code, the chosen latent, the observation it is compared with, and the choices of views.
 *
 * Events: `code` (it moved), `result` (the engine's result for it is there), `latent`, `example`, `intervention` and
 * `view`.
 */
export class State extends EventTarget {
  #done = [];
  #undone = [];
  #gesture = null;

  constructor(data) {
    super();
    this.data = data;
    this.code = [...data.start];
    this.byActivity = byActivity(data.latents);
    this.latent = this.byActivity[0];
    this.example = exampleAt(data, data.start);
    this.result = null; // {code, observation, response}, of an earlier code while the engine works
    this.intervention = null; // the last click on a matrix, until the next move
    this.view = { matrix: null, slice: 0, path: 0, factor: 0, theme: "system" };
  }

  /**
   * Move to a code.
   *
   * @param {number[]} code
   * @param {object} options
   * @param {string | null} options.gesture name of a drag; its moves, until its end, are undone together
   * @param {number | null} options.example index of the example that the code is of; the present one stays if undefined
   */
  move(code, { gesture = null, example = undefined } = {}) {
    if (gesture === null || gesture !== this.#gesture) {
      this.#done.push(this.#snapshot());
      this.#done.splice(0, this.#done.length - MOST_UNDONE);
      this.#undone = [];
    }
    this.#gesture = gesture;
    this.#show({ code: [...code], example: example === undefined ? this.example : example });
  }

  endGesture() {
    this.#gesture = null;
  }

  /** Move along a single latent. */
  moveLatent(latent, value, gesture = null) {
    this.move(
      this.code.map((old, index) => (index === latent ? value : old)),
      { gesture },
    );
  }

  /**
   * Set a latent to a value far from its present one, and remember the response before.
   *
   * The value is 1.5 standard deviations from the mean of the data, on the other side: a second click returns.
   *
   * @param {number} latent
   * @param {number} responding the latent whose response the reader asked for
   * @param {{matrix: string, row: number, column: number}} cell that was clicked
   */
  intervene(latent, responding, cell) {
    const { mean, deviation } = this.data.latents[latent];
    const from = this.code[latent];
    const to = from < mean ? mean + 1.5 * deviation : mean - 1.5 * deviation;
    const before = this.result?.response ?? null;
    this.choose(latent);
    this.moveLatent(latent, to);
    this.intervention = { latent, responding, cell, from, to, before };
    this.#tell("intervention");
  }

  choose(latent) {
    this.latent = latent;
    this.#tell("latent");
  }

  setView(changes) {
    Object.assign(this.view, changes);
    this.#tell("view");
  }

  /** Take the engine's result, of a code that may have moved on since. */
  setResult(result) {
    this.result = result;
    this.#tell("result");
  }

  reset() {
    this.move(this.data.start, { example: exampleAt(this.data, this.data.start) });
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  undo() {
    this.#restore(this.#done, this.#undone);
  }

  redo() {
    this.#restore(this.#undone, this.#done);
  }

  #restore(source, target) {
    if (source.length === 0) return;
    target.push(this.#snapshot());
    this.#gesture = null;
    this.#show(source.pop());
  }

  #snapshot() {
    return { code: this.code, example: this.example };
  }

  #show({ code, example }) {
    this.code = code;
    this.intervention = null;
    if (example !== this.example) {
      this.example = example;
      this.#tell("example");
    }
    this.#tell("code");
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

/** Return the indices of latents, most active first; those of unknown activity last. */
function byActivity(latents) {
  const activity = (index) => latents[index].activity ?? -Infinity;
  return latents.map((_, index) => index).sort((first, second) => activity(second) - activity(first) || first - second);
}

/** Return the index of the example with this code, null if there is none. */
export function exampleAt(data, code) {
  const found = data.examples.findIndex((example) => example.code.every((value, index) => value === code[index]));
  return found < 0 ? null : found;
}
