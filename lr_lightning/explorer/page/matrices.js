import { shortNumber, signedNumber, significant } from "explorer/charts.js";
import { byId, element, setText } from "explorer/dom.js";
import { HeatMap } from "explorer/heat-map.js";

/** The response matrix and the conditioned matrix; a click on a cell intervenes on its latent. */
export function showMatrices({ state }) {
  const { response_matrix: response, conditioned_matrix: conditioned } = state.data;
  const matrices = [
    ...(response ? [responseMatrix(state, response)] : []),
    ...(conditioned ? [conditionedMatrix(state, conditioned)] : []),
  ];
  byId("matrices").hidden = matrices.length === 0;
  const buttons = matrices.map(({ key, title }) =>
    element("button", { type: "button", click: () => state.setView({ matrix: key }) }, title),
  );
  const change = element("p", { class: "change", "aria-live": "polite" });
  const panels = matrices.map(({ key, map, caption }) =>
    element("div", { id: `matrix-${key}` }, map.node, element("p", { class: "caption" }, caption)),
  );
  byId("matrices-content").append(
    element("div", { class: "chips", role: "group", "aria-label": "Matrix" }, ...buttons),
    change,
    ...panels,
  );

  const select = () => {
    const shown = Math.max(
      0,
      matrices.findIndex(({ key }) => key === state.view.matrix),
    );
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === shown));
    panels.forEach((panel, index) => (panel.hidden = index !== shown));
  };
  const mark = () => {
    const cell = state.intervention?.cell;
    for (const { key, map } of matrices) map.mark(cell?.matrix === key ? [cell.row, cell.column] : null);
    setText(change, sentenceOn(state));
  };
  state.addEventListener("view", select);
  for (const name of ["code", "intervention", "result"]) state.addEventListener(name, mark);
  select();
  mark();
}

/** Rows are intervened latents, columns responding ones. */
function responseMatrix(state, { values, standard_errors: errors, caption, ...labels }) {
  const { latents } = state.data;
  const { latents: rows = latents.map((_, index) => index), columns = latents.map((_, index) => index) } = labels;
  const describe = (row, column) => {
    const error = errors?.[row]?.[column] ?? null;
    const accuracy = error === null ? "" : ` ± ${significant(error)} (standard error)`;
    const [from, to] = [latents[rows[row]].name, latents[columns[column]].name];
    return `Intervene on ${from}: ${to} responds by ${significant(values[row][column])}${accuracy}`;
  };
  const names = rows.map((index) => latents[index].name);
  const map = new HeatMap(
    { values, rows: names, columns: columns.map(String), label: "Response matrix", describe },
    (row, column) => state.intervene(rows[row], columns[column], { matrix: "response", row, column }),
  );
  return { key: "response", title: "Response", map, caption: `Rows: intervened latents. ${caption ?? ""}` };
}

/** Rows are factors, columns the latents that are exchanged and respond. */
function conditionedMatrix(state, { values, rows, caption, ...labels }) {
  const { latents, factors } = state.data;
  const { columns = latents.map((_, index) => index) } = labels;
  const describe = (row, column) =>
    `Exchange ${latents[columns[column]].name} where only ${rows[row]} differs: ` +
    `response ${significant(values[row][column])}`;
  const map = new HeatMap(
    { values, rows, columns: columns.map(String), label: "Conditioned response matrix", describe },
    (row, column) => {
      const factor = factors.findIndex(({ name }) => name === rows[row]);
      if (factor >= 0) state.setView({ factor });
      state.intervene(columns[column], columns[column], { matrix: "conditioned", row, column });
    },
  );
  return { key: "conditioned", title: "Conditioned on factors", map, caption: `Columns: latents. ${caption ?? ""}` };
}

/** Return what the last click on a matrix did. */
function sentenceOn({ intervention, data, result }) {
  if (intervention === null) return "Click a cell to intervene on its latent, 1.5 standard deviations from the mean.";
  const { latent, responding, from, to, before } = intervention;
  const moved = `${data.latents[latent].name}: ${shortNumber(from)} → ${shortNumber(to)}.`;
  if (before === null || result === null || result.response === before) return moved;
  const change = result.response[responding] - before[responding];
  return `${moved} Response of ${data.latents[responding].name}: ${signedNumber(change)}.`;
}
