// -------------------------------------------------------------------------------------------- charts of an evaluation

/** A chart with its title and a sentence that says what to see. */
const chart = (title, note, ...children) =>
  element(
    "figure",
    { class: "chart" },
    element("figcaption", {}, element("h4", {}, title), note ? element("p", { class: "soft" }, note) : null),
    ...children,
  );

/** A date without its seconds. */
const when = (created) => created.replace("T", " ").replace(/:\d\d(\.\d+)?(Z|\+00:00)?$/, "");
