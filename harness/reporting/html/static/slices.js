// ------------------------------------------------------------------------- slices: parts of the cases, weighed by themselves

const FIRST_SLICES = 25;

/** The slices of an evaluation as a forest plot, the worst first; each opens its cases. */
function slices(entry, number) {
  if (!entry.slices) return null;
  const { words, shown } = entry.slices;
  const checks = shown.map((each) => each.check).filter(Boolean);
  const domain = checks.length ? reach([{ ...entry, checks }]) : null;
  const heads = ["slice", "cases", "candidate", entry.baseline ? "baseline" : null, checks.length ? "difference" : null, ""];
  const body = element("tbody");
  const show = (most) => body.replaceChildren(...shown.slice(0, most).map((each) => sliceRow(each, entry, number, domain)));
  show(FIRST_SLICES);
  const all = element(
    "button",
    { class: "act", type: "button", click: () => (show(shown.length), all.remove()) },
    `all ${plural(shown.length, "slice")}`,
  );
  return chart(
    "Slices",
    words,
    element(
      "div",
      { class: "scroll" },
      element(
        "table",
        { class: "compact slices" },
        element(
          "thead",
          {},
          element("tr", {}, ...heads.filter((head) => head !== null).map((head) => element("th", { scope: "col" }, head))),
        ),
        body,
      ),
    ),
    shown.length > FIRST_SLICES ? all : null,
  );
}

function sliceRow(each, entry, number, domain) {
  const cell = (text) => element("td", { class: "number" }, text);
  return element(
    "tr",
    {},
    element(
      "th",
      { scope: "row", title: each.reason },
      chip(each.verdict),
      " ",
      element(
        "button",
        { class: "plain", type: "button", dir: "auto", click: () => showSlice(number, each) },
        visible(each.name),
      ),
    ),
    cell(each.n_cases.toLocaleString("en")),
    cell(each.candidate),
    entry.baseline ? cell(each.baseline) : null,
    domain ? cell(each.check?.figure ?? "") : null,
    domain ? element("td", { class: "slice-plot" }, each.check ? bar(each.check, entry, domain) : null) : null,
  );
}

/** Show the cases of a slice among all. */
function showSlice(number, each) {
  filter.slice = each;
  showCasesOf(number);
}

/** Whether a case belongs to the slice that was chosen. */
function isInSlice({ index }, slice) {
  if (!slice) return true;
  slice.places ??= new Set(slice.cases);
  return slice.places.has(index);
}
