// ------------------------------------------------------------------------------------------- details, loaded when wanted

const loading = new Map(); // number of a file → a promise of it
const details = new Map(); // "set/case" → what it was asked and answered
const setOf = new Map(DATA.sets.map((set, number) => [set.id, number]));
const placesOf = DATA.sets.map((set) => new Map(set.cases.map((id, index) => [id, index])));
// A page from disk can't fetch; a script tag may name no other file than one of the details.
const policy = window.trustedTypes?.createPolicy("steelyard", {
  createScriptURL(path) {
    if (!/^details\/\d+\.js$/.test(path)) throw new TypeError("not a file of details");
    return path;
  },
});

window.steelyard = {
  details(run, number, cases) {
    if (run !== DATA.run.id) return;
    for (const each of cases) {
      const set = setOf.get(each.evaluation);
      const index = set === undefined ? undefined : placesOf[set].get(each.case);
      if (index !== undefined) details.set(`${set}/${index}`, each);
    }
  },
};

/** Load a file of details, once. */
function load(number) {
  if (!loading.has(number)) {
    loading.set(
      number,
      new Promise((resolve, reject) => {
        const path = `details/${number}.js`;
        const script = element("script");
        script.addEventListener("load", () => resolve());
        script.addEventListener("error", () => {
          loading.delete(number);
          reject(new Error(`${path} is missing. Keep the folder “details” beside this page.`));
        });
        script.src = policy ? policy.createScriptURL(path) : path;
        document.head.append(script);
      }),
    );
  }
  return loading.get(number);
}

/** What a case was asked and answered; an error says why it can't be shown. */
async function detailsOf(each) {
  if (!each.file && DATA.details.is_cut)
    throw new Error(
      `Beside this page are the details of the first ${plural(DATA.details.bodies, "sample")}; this case is not among them. steelyard store show CASE prints them.`,
    );
  if (!each.file) throw new Error("No answer of this case is stored.");
  await load(each.file);
  const found = details.get(`${each.set}/${each.index}`);
  if (!found) throw new Error("The details beside this page are those of a newer report. Reload the page.");
  return found;
}
