const QUIET = 150; // ms after the last move, before thumbnails are computed

/**
 * Decides what the engine computes next: one code at a time, the newest of the shown ones first.
 *
 * While the engine works, only the newest code waits, so dragging never falls behind however slow the model is.
 * Thumbnails are computed when the reader pauses.
 */
export class Scheduler {
  #engine;
  #shown = null;
  #thumbnails = new Map();
  #busy = false;
  #lastMove = -Infinity;
  #timer = null;
  #fail;

  /**
   * @param {Promise<{step: (code: Float32Array) => Promise<object>}>} engine
   * @param {(error: Error) => void} fail is told about errors of the engine
   */
  constructor(engine, fail) {
    this.#engine = engine;
    this.#fail = fail;
  }

  /** Compute a code as soon as possible, unless a newer one replaces it first. */
  show(code, done) {
    this.#lastMove = performance.now();
    this.#shown = { code, done };
    this.#run();
  }

  /**
   * Compute codes when there is time.
   *
   * @param {string} purpose codes for the same purpose that were not computed yet are dropped
   * @param {number[][]} codes
   * @param {(index: number, result: object) => void} done
   */
  whenIdle(purpose, codes, done) {
    const tasks = codes.map((code, index) => ({ code, done: (result) => done(index, result) }));
    this.#thumbnails.set(purpose, tasks);
    this.#run();
  }

  async #run() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let task = this.#next(); task !== null; task = this.#next()) {
        const engine = await this.#engine;
        task.done(await engine.step(Float32Array.from(task.code)));
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#busy = false;
    }
  }

  #next() {
    if (this.#shown !== null) {
      const task = this.#shown;
      this.#shown = null;
      return task;
    }
    const waiting = [...this.#thumbnails.values()].find((tasks) => tasks.length > 0);
    if (waiting === undefined) return null;
    const remaining = this.#lastMove + QUIET - performance.now();
    if (remaining <= 0) return waiting.shift();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), remaining);
    return null;
  }
}
