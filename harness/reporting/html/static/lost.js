// ----------------------------------------------------------------------------------- which cases are lost

const FIRST_LOST = 20;

/** The cases that are shown to be worse, each of which opens. */
function lostCases(lost, number) {
  if (!lost) return null;
  const list = element("p", { class: "lost" });
  const places = new Map(casesOf(number).map((each) => [each.id, each]));
  const opening = lost.cases.map((id) => places.get(id)).filter(Boolean);
  const one = (id) =>
    places.has(id)
      ? element(
          "button",
          { class: "plain", type: "button", dir: "auto", click: () => openCase(places.get(id), opening) },
          visible(id),
        )
      : element("span", { dir: "auto" }, visible(id));
  const show = (most) => {
    const rest = lost.cases.length - most;
    const more = element("button", { class: "act", type: "button", click: () => show(lost.cases.length) }, `${rest} more`);
    list.replaceChildren(...lost.cases.slice(0, most).map(one), ...(rest > 0 ? [more] : []));
  };
  show(FIRST_LOST);
  return element(
    "div",
    { class: "losses" },
    element("p", {}, lost.verdict ? chip(lost.verdict) : "", lost.verdict ? " " : "", element("strong", {}, lost.words)),
    lost.cases.length ? list : null,
    lost.note ? element("p", { class: "soft" }, lost.note) : null,
  );
}
