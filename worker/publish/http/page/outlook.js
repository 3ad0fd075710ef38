// What more or less of the contract would give, as simulated: two small charts, and the same as a table.

import { ago, count, shareOf } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 340;
const HEIGHT = 150;
const TOP = 26; // room for a label
const BOTTOM = 24; // room for the budgets
const SIDE = 30;
const LEAST_SPAN = 0.01;
const FRACTIONS = { 0.25: "¼", 0.5: "½" };

/** "½×" */
const times = (budget) => `${FRACTIONS[budget] ?? count(budget)}×`;

const words = (budget) => (budget === 1 ? `${times(budget)}, as it is` : times(budget));

export class Outlook {
  constructor(section) {
    this.section = section;
    this.told = section.querySelector(".told");
    this.recall = section.querySelector("[data-chart=recall]");
    this.error = section.querySelector("[data-chart=error]");
    this.rows = section.querySelector("tbody");
    this.shown = null;
  }

  /** Show it; the worker may have none yet. */
  show({ result }, now) {
    this.section.hidden = result === null;
    if (result === null) return;
    this.told.textContent = story(result, now);
    if (this.shown === result.made_at) return;
    this.shown = result.made_at;
    const { budgets } = result;
    draw(this.recall, budgets.map(({ budget, recall }) => ({ budget, ...recall })), 1);
    draw(this.error, budgets.map(({ budget, shown_error: error }) => ({ budget, ...error })));
    this.rows.replaceChildren(...budgets.map(row));
  }
}

function story({ made_at: at, world, budgets }, now) {
  const worlds = Math.max(...budgets.map((one) => one.worlds));
  const scaled = world.scale < 1 ? `, scaled down to ${shareOf(world.scale)}` : "";
  const inWorlds = worlds === 1 ? "a world" : `${count(worlds)} worlds`;
  const campaigns = world.campaigns === 1 ? "1 campaign" : `${count(world.campaigns)} campaigns`;
  return `Simulated ${ago(Date.parse(at), now)}, in ${inWorlds} like this one: ${count(world.posts)} Posts, ${campaigns}, the top ${count(world.top)}${scaled}. Not measured.`;
}

function row({ budget, requests_per_minute: requests, recall, shown_error: error }) {
  const line = document.createElement("tr");
  if (budget === 1) line.ariaCurrent = "true";
  line.append(
    cell("th", words(budget)),
    cell("td", requests.toLocaleString(undefined, { maximumSignificantDigits: 3 })),
    cell("td", withInterval(recall)),
    cell("td", withInterval(error)),
  );
  line.firstChild.scope = "row";
  return line;
}

function cell(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

const withInterval = ({ mean, within }) => shareOf(mean) + (within === null ? "" : ` ± ${shareOf(within)}`);

/**
 * A line over the budgets, each as far from the next as twice is from once. Where there is a `most`, nothing is
 * above it; else the ground is 0. Differences below LEAST_SPAN look as small as they are.
 */
function draw(chart, points, most) {
  const ends = points.map(({ mean, within }) => [
    Math.max(mean - (within ?? 0), 0),
    Math.min(mean + (within ?? 0), most ?? Infinity),
  ]);
  const high = Math.max(...ends.map(([, end]) => end), most === undefined ? LEAST_SPAN : 0);
  const low = most === undefined ? 0 : Math.min(...ends.map(([end]) => end), high - LEAST_SPAN);
  const span = high - low;
  const x = (place) => SIDE + (place * (WIDTH - 2 * SIDE)) / Math.max(points.length - 1, 1);
  const y = (value) => HEIGHT - BOTTOM - 12 - ((value - low) / span) * (HEIGHT - BOTTOM - TOP - 12);
  const parts = [make("line", { class: "ground", x1: 0, x2: WIDTH, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM })];
  parts.push(make("polyline", { class: "way", points: points.map(({ mean }, i) => `${x(i)},${y(mean)}`).join(" ") }));
  points.forEach(({ budget, mean }, i) => {
    const here = budget === 1 ? " here" : "";
    const [from, to] = ends[i];
    parts.push(make("line", { class: "within", x1: x(i), x2: x(i), y1: y(from), y2: y(to) }));
    parts.push(make("circle", { class: `point${here}`, cx: x(i), cy: y(mean), r: here ? 5 : 4 }));
    parts.push(make("text", { class: `value${here}`, x: x(i), y: y(to) - 9 }, shareOf(mean)));
    parts.push(make("text", { class: `budget${here}`, x: x(i), y: HEIGHT - 6 }, times(budget)));
  });
  chart.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  chart.replaceChildren(...parts);
}

function make(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}
