/* Which pages of a search come first: where something is, then pages that
   explain, then references; cards, changes and timings mention everything. */
const PLACES = [
  [/^docs\/where$/, 20],
  [/^(zoo|benchmarks)\/|^CHANGELOG$/, -10],
  [/^docs\/(api|gallery)\//, 2],
  [/^docs\/variants\//, 3],
  [/^docs\//, 6],
];
var Scorer = {
  score: ([page, , , , score]) =>
    score + (PLACES.find(([pattern]) => pattern.test(page)) || [, 0])[1],
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
