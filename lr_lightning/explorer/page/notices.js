import { byId, element } from "explorer/dom.js";

/** Versions and licenses of the software in this page; long texts are unpacked when the reader opens them. */
export function showNotices(notices) {
  byId("notices-content").append(
    ...notices.map(({ name, version, license, text, more }) => {
      const details = element(
        "details",
        {},
        element("summary", {}, `${name} ${version}, ${license}`),
        element("pre", {}, text),
      );
      if (more) details.append(packed(more));
      return details;
    }),
  );
}

/** @param {{title: string, gzip: string}} more a text as gzip in base64 */
function packed({ title, gzip }) {
  const text = element("pre");
  const unpack = async () => {
    if (text.textContent !== "") return;
    const bytes = Uint8Array.from(atob(gzip), (letter) => letter.charCodeAt(0));
    text.textContent = await new Response(
      new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")),
    ).text();
  };
  return element("details", { toggle: unpack }, element("summary", {}, title), text);
}
