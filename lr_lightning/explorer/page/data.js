import { byId } from "explorer/dom.js";

const FORMAT = 1;

/** Return the data object: embedded in a static page, or from the live server. */
export async function readData() {
  const embedded = byId("data").textContent;
  const data = embedded.trim() ? JSON.parse(embedded) : await fetchData();
  if (data.format !== FORMAT) {
    throw new Error(`This page reads data of format ${FORMAT}, but they have format ${data.format}: export it again.`);
  }
  return data;
}

/** The token of the address that the server printed; only pages with this address may use the server. */
export const serverToken = () => new URLSearchParams(location.search).get("token") ?? "";

async function fetchData() {
  const reply = await fetch("data.json", { headers: { "X-Explorer-Token": serverToken() } });
  if (!reply.ok) throw new Error(await reply.text());
  return reply.json();
}
