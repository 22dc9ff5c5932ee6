// The map of a result, and its pairs as a window over a long list. Without this script the map is empty and the pairs have pages.
const map = document.getElementById("map");
const status = document.getElementById("map-status");
// Colours of the legend: a canvas does not read what a variable of the stylesheet means.
const probe = document.createElementNS("http://www.w3.org/2000/svg", "rect");
const color = (name) => {
  probe.setAttribute("class", name);
  document.querySelector(".legend svg").append(probe);
  const found = getComputedStyle(probe).fill;
  probe.remove();
  return found;
};
const hex = (number) => `0x${number.toString(16)}`;

async function load(address) {
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

function drawMap(rows) {
  // A row: entry, bytes, best score, families, 1 if in a library, pairs.
  const order = document.getElementById("map-order");
  let view = [0, 1];
  let places = [];
  const place = () => {
    let at = 0;
    const start = rows.length > 0 ? rows[0][0] : 0;
    places = rows.map((row) => {
      const from = order.checked ? at : row[0] - start;
      at += row[1];
      return [from, Math.max(row[1], 1)];
    });
  };
  const total = () => places.reduce((most, [from, size]) => Math.max(most, from + size), 1);
  const draw = () => {
    const scale = window.devicePixelRatio || 1;
    const width = map.clientWidth, height = map.clientHeight;
    map.width = width * scale;
    map.height = height * scale;
    const context = map.getContext("2d");
    context.scale(scale, scale);
    const all = total();
    const colors = { own: color("b-own"), shared: color("b-shared"), library: color("b-lib"), none: color("b-none") };
    // Folded to one value a column: the strongest that lies there.
    const columns = new Array(width).fill(null);
    rows.forEach((row, number) => {
      const [from, size] = places[number];
      const left = Math.floor((from / all - view[0]) / (view[1] - view[0]) * width);
      const right = Math.ceil(((from + size) / all - view[0]) / (view[1] - view[0]) * width);
      for (let x = Math.max(left, 0); x < Math.min(Math.max(right, left + 1), width); x += 1) {
        if (!columns[x] || row[2] > columns[x][2]) columns[x] = row;
      }
    });
    context.clearRect(0, 0, width, height);
    columns.forEach((row, x) => {
      if (!row) return;
      context.fillStyle = row[2] === 0 ? colors.none : row[4] ? colors.library : row[3] === 1 ? colors.own : colors.shared;
      const tall = row[2] === 0 ? 6 : 14 + (height - 14) * row[2] / 100;
      context.fillRect(x, height - tall, 1, tall);
    });
  };
  const at = (x) => {
    const where = (x / map.clientWidth * (view[1] - view[0]) + view[0]) * total();
    let best = -1;
    places.forEach(([from, size], number) => { if (from <= where && where < from + size) best = number; });
    return best;
  };
  const tell = (number) => {
    if (number < 0) return;
    const [entry, bytes, score, families, library, pairs] = rows[number];
    status.textContent = score === 0
      ? `Function ${hex(entry)}, ${bytes} bytes: seen nowhere else.`
      : `Function ${hex(entry)}, ${bytes} bytes: best score ${score.toFixed(0)}, in ${families} ${families === 1 ? "family" : "families"}${library ? ", in a library" : ""}, ${pairs} ${pairs === 1 ? "pair" : "pairs"}.`;
  };
  map.addEventListener("mousemove", (event) => tell(at(event.offsetX)));
  map.addEventListener("click", (event) => {
    const number = at(event.offsetX);
    if (number < 0) return;
    const address = new URL(location.href);
    address.searchParams.set("function_offset", hex(rows[number][0]));
    address.hash = "pairs";
    location.assign(address);
  });
  let cursor = -1;
  map.addEventListener("keydown", (event) => {
    const zoom = (factor) => {
      const middle = (view[0] + view[1]) / 2, half = Math.min((view[1] - view[0]) * factor / 2, 0.5);
      view = [Math.max(middle - half, 0), Math.min(middle + half, 1)];
    };
    const move = (share) => {
      const wide = view[1] - view[0];
      const from = Math.min(Math.max(view[0] + share * wide, 0), 1 - wide);
      view = [from, from + wide];
    };
    if (event.key === "w") zoom(0.5);
    else if (event.key === "s") zoom(2);
    else if (event.key === "a") move(-0.25);
    else if (event.key === "d") move(0.25);
    else if (event.key === "ArrowRight") { cursor = Math.min(cursor + 1, rows.length - 1); tell(cursor); }
    else if (event.key === "ArrowLeft") { cursor = Math.max(cursor - 1, 0); tell(cursor); }
    else return;
    event.preventDefault();
    draw();
  });
  order.addEventListener("change", () => { place(); draw(); });
  new ResizeObserver(draw).observe(map);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  place();
  draw();
}
if (map) load(`/ui/data/results/${map.dataset.result}/functions${location.search}`).then((answer) => drawMap(answer.rows)).catch((error) => { status.textContent = `The map is not there: ${error.message}.`; });

// Pairs: a window over all rows, pages of 200, at most 60 of them kept.
const host = document.getElementById("rows");
const PAGE = 200, KEPT = 60, ROW = 28, TALLEST = 8_000_000;
if (host && Number(host.dataset.total) > 40) {
  const total = Number(host.dataset.total);
  const head = [...host.querySelectorAll("thead th")].map((cell) => [cell.textContent, cell.className, cell.querySelector(".vh") !== null]);
  const frame = document.createElement("div");
  frame.className = "window";
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", `${total} pairs`);
  const spacer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const tall = Math.min(total * ROW + 40, TALLEST);
  spacer.setAttribute("width", "1");
  spacer.setAttribute("height", String(tall));
  spacer.setAttribute("aria-hidden", "true");
  const table = document.createElement("table");
  table.setAttribute("aria-rowcount", String(total + 1));
  const top = table.createTHead().insertRow();
  for (const [text, kind, hidden] of head) {
    const cell = document.createElement("th");
    cell.scope = "col";
    const inner = document.createElement("span");
    inner.textContent = text;
    inner.className = hidden ? "vh" : "";
    cell.append(inner);
    cell.className = kind;
    top.append(cell);
  }
  const body = table.createTBody();
  frame.append(table, spacer);
  host.replaceChildren(frame);
  document.querySelectorAll('nav[data-of=pairs]').forEach((pager) => { pager.querySelectorAll("a").forEach((link) => link.remove()); pager.querySelector("span").textContent = `${total.toLocaleString("en")} pairs`; });
  const pages = new Map();
  const page = (number) => {
    if (!pages.has(number)) {
      pages.set(number, null);
      load(`/ui/data/results/${host.dataset.result}/pairs?${host.dataset.query}&sort=${document.querySelector("#filters [name=sort]").value}&start=${number * PAGE}&limit=${PAGE}`)
        .then((answer) => { pages.set(number, answer.rows); show(); })
        .catch(() => pages.delete(number));
      if (pages.size > KEPT) pages.delete(pages.keys().next().value);
    }
    return pages.get(number);
  };
  const link = (cell, address, text) => {
    const anchor = document.createElement("a");
    anchor.href = address;
    anchor.textContent = text;
    cell.append(anchor);
  };
  const fill = (line, values, at) => {
    line.setAttribute("aria-rowindex", String(at + 2));
    const cells = head.map(([, kind]) => { const cell = line.insertCell(); cell.className = kind; return cell; });
    if (!values) { cells[0].textContent = "…"; return; }
    const [own, offset, bytes, foreign, sample, family, score, families, why] = values;
    cells[0].className = "mono";
    if (own === null) cells[0].textContent = offset; else link(cells[0], `/ui/functions/${own}`, offset);
    cells[1].textContent = bytes.toLocaleString("en");
    cells[2].textContent = family;
    link(cells[3], `/ui/samples/${sample}`, String(sample));
    link(cells[4], `/ui/functions/${foreign}`, String(foreign));
    cells[5].textContent = score.toFixed(1);
    cells[6].textContent = String(families);
    cells[7].textContent = why;
    if (own !== null) link(cells[8], `/ui/diff/${own}/${foreign}`, "Compare");
  };
  let wanted = false;
  const show = () => {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => {
      wanted = false;
      const shown = Math.ceil(frame.clientHeight / ROW);
      const reach = Math.max(tall - frame.clientHeight, 1);
      const first = Math.min(Math.round(frame.scrollTop / reach * Math.max(total - shown + 2, 0)), Math.max(total - 1, 0));
      body.replaceChildren();
      for (let at = first; at < Math.min(first + shown, total); at += 1) fill(body.insertRow(), page(Math.floor(at / PAGE))?.[at % PAGE], at);
    });
  };
  frame.addEventListener("scroll", show);
  new ResizeObserver(show).observe(frame);
  show();
}
