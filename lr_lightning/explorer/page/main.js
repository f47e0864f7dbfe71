import { applyFragment, followAddress } from "explorer/address.js";
import { d3 } from "explorer/charts.js";
import { readData } from "explorer/data.js";
import { showDecoded } from "explorer/decoded.js";
import { byId } from "explorer/dom.js";
import { showExamples } from "explorer/examples.js";
import { followKeyboard } from "explorer/keyboard.js";
import { LatentPanel } from "explorer/latents.js";
import { LiveEngine } from "explorer/live-engine.js";
import { showMatrices } from "explorer/matrices.js";
import { showNotices } from "explorer/notices.js";
import { OnnxEngine } from "explorer/onnx-engine.js";
import { painterOf } from "explorer/painting.js";
import { PathView } from "explorer/paths.js";
import { showSamples } from "explorer/samples.js";
import { Scheduler } from "explorer/scheduler.js";
import { showScores } from "explorer/scores.js";
import { SliceView } from "explorer/slice.js";
import { State } from "explorer/state.js";
import { followTheme } from "explorer/theme.js";
import { showTraversal } from "explorer/traversal.js";

const MOST_TIMES = 500;

/** Return the engine of a page that is served, null for a static one. */
function liveEngine({ engine, observation, latents }) {
  if (engine.kind !== "live") return null;
  const size = observation.shape.reduce((product, length) => product * length, 1);
  return new LiveEngine(size, latents.length, fail);
}

function fail(error) {
  const message = byId("message");
  message.textContent = error.message;
  message.hidden = false;
}

/** Compute the result of each move, and take the time until it is drawn. */
function follow(state, scheduler, times) {
  const compute = (done) => {
    const { code } = state;
    scheduler.show(code, (result) => {
      byId("message").hidden = true;
      state.setResult({ ...result, code });
      done();
    });
  };
  state.addEventListener("code", () => {
    const asked = performance.now();
    compute(() => {
      times.moves.push(performance.now() - asked);
      times.moves.splice(0, times.moves.length - MOST_TIMES);
      byId("status").textContent =
        `${d3.median(times.moves).toFixed(1)} ms from a move to its image and response (median)`;
    });
  });
  compute(() => {
    times.ready = performance.now();
    byId("status").textContent = `Ready after ${(times.ready / 1000).toFixed(1)} s`;
  });
}

async function main() {
  const data = await readData();
  byId("title").textContent = data.title;
  byId("subtitle").textContent = `${data.subtitle} · lr-lightning ${data.version}`;
  const state = new State(data);
  const live = liveEngine(data);
  // Both kinds of engine have the same method `step`, which decodes a code and encodes the result.
  const engine = live === null ? OnnxEngine.start(data.engine.model) : Promise.resolve(live);
  const scheduler = new Scheduler(engine, fail);
  const page = { state, scheduler, live, painter: painterOf(data) };
  const times = { ready: null, moves: [] }; // milliseconds: to the first result, and from moves to results

  follow(state, scheduler, times); // before the views, whose thumbnails wait for moves
  const panel = new LatentPanel(page);
  showDecoded(page);
  showTraversal(page);
  showExamples(page);
  new SliceView(page);
  showMatrices(page);
  new PathView(page);
  showSamples(page);
  showScores(page);
  showNotices(JSON.parse(byId("notices-data").textContent));
  followTheme(state);
  followKeyboard(state, panel);
  if (location.hash) applyFragment(state, location.hash);
  followAddress(state);

  // For the browser's console, tests and timings: explorer.state.code, await explorer.step(code), explorer.times
  globalThis.explorer = {
    state,
    times,
    isSettled: () => state.result?.code === state.code,
    step: async (code) => (await engine).step(Float32Array.from(code)),
  };
  await engine;
  document.querySelector("main").removeAttribute("aria-busy");
}

main().catch(fail);
