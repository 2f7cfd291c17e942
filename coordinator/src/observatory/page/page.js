"use strict";
// Everything that comes from the run is put in as text, never as markup.
const at = (id) => document.getElementById(id);
const made = (name, text, kind) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
};
const drawn = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const say = (id, text) => {
  if (at(id).textContent !== String(text)) at(id).textContent = text;
};
const short = (name) => name.slice(0, 16);
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const lasted = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
};
const took = (ms) => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toPrecision(3)} s`);
const bytes = (count) => {
  if (count === null || count === undefined) return "unknown";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
  return `${unit ? count.toPrecision(3) : count} ${units[unit]}`;
};
const words = (text) => text.replaceAll("_", " ");

const PHASES = [["idle", "between rounds"], ["keygen", "making the key"], ["collecting", "collecting updates"],
  ["sealed", "countersigning"], ["opening", "opening the sum"], ["finished", "finished"]];

function phases(run) {
  const current = PHASES.some(([name]) => name === run.phase) ? run.phase : "keygen";
  at("phases").replaceChildren(...PHASES.map(([name, label]) => {
    const item = made("li", name === "keygen" && current === name ? `${label}: ${run.phase}` : label);
    if (name === current) item.setAttribute("aria-current", "step");
    return item;
  }));
}

function sentence(status) {
  const { run, waiting } = status;
  const since = (ms) => lasted(status.time_ms - ms);
  if (run.is_finished) return [`The run is finished after ${run.step} rounds.`, "good"];
  if (run.is_listening) return ["Listening to institutions before anything is signed: one that holds blocks which this ledger lacks would say so.", "wait"];
  const place = `Step ${run.step} (${run.purpose})${run.attempt ? `, attempt ${run.attempt + 1}` : ""}`;
  if (!waiting) return [`${place}: ${run.phase} for ${since(run.since_ms)}; nobody is awaited.`, ""];
  const who = waiting.absent.length ? `: ${waiting.absent.map(short).join(", ")}` : "";
  return [`${place}: waiting for ${waiting.what} for ${since(waiting.since_ms)}, ${waiting.present} of ${waiting.needed}${who}`, "wait"];
}

function figures(status) {
  const { run, institutions, evaluations, counts, budget, head } = status;
  const last = evaluations.at(-1);
  const auc = last && Object.entries(last.scores).find(([name]) => /AUC$|^mean AUC/.test(name));
  const rejected = sum(Object.values(counts.rejected));
  const connected = institutions.filter((one) => one.is_connected).length;
  const signed = head && head.countersigned;
  const list = [
    ["Connected", `${connected} of ${run.places}`, connected < run.places && !run.is_finished ? "wait" : ""],
    ["Last round", run.is_finished ? "all closed" : !counts.rounds_closed ? "none yet" : `${lasted(status.time_ms - run.last_round_ms)} ago`, ""],
    ["Block", head ? head.height : "–", ""],
    ["Countersigned", signed ? `${signed.by.length} of ${signed.needed}` : "–", signed && signed.by.length < signed.needed ? "wait" : ""],
    ["Rejections", rejected, rejected ? "bad" : ""],
    auc ? ["AUC", auc[1].toFixed(3), ""] : ["Loss", last ? last.loss.toPrecision(4) : "–", ""],
  ];
  if (budget) list.push(["Privacy spent", `ε ${budget.epsilon.toFixed(3)}`, ""]);
  at("figures").replaceChildren(...list.map(([name, value, kind]) => {
    const box = made("div");
    box.append(made("dt", name), made("dd", value, kind));
    return box;
  }));
}

function institutions(status) {
  const { institutions: all, run, time_ms: now } = status;
  say("present", `${all.length} of ${run.places} enrolled`);
  at("institutions").replaceChildren(...all.map((one) => {
    const row = made("tr");
    const cell = (label, text, kind) => {
      const made_ = made("td", text, kind);
      made_.dataset.label = label;
      row.append(made_);
    };
    cell("", short(one.name), "mono");
    row.lastChild.title = one.name;
    const standing = one.standing === null ? "–" : words(one.standing);
    const fine = ["accepted", "countersigned", "share given", "heard"].includes(standing);
    cell("Now", one.is_revoked ? "revoked" : standing, one.is_revoked ? "bad" : fine ? "good" : standing === "awaited" ? "wait" : standing === "–" ? "quiet" : "bad");
    const since = one.connected_since_ms === null ? "" : ` ${lasted(now - one.connected_since_ms)}`;
    cell("Line", (one.is_connected ? "● up" : "○ down") + since, one.is_connected ? "good" : run.is_finished ? "quiet" : "bad");
    cell("Last update", one.uploaded_ms === null ? "–" : `${lasted(now - one.uploaded_ms)} ago`);
    cell("Rows", one.rows, "number");
    cell("Credit", `${one.credit} of ${one.full_credit}`, one.credit < one.full_credit ? "bad" : "");
    cell("Committee", one.seat === null ? "–" : `seat ${one.seat}`, one.seat === null ? "quiet" : "");
    return row;
  }));
}

function curve(title, points) {
  const [w, h, left, right, top, bottom] = [320, 170, 44, 10, 24, 22];
  const svg = drawn("svg", { viewBox: `0 0 ${w} ${h}`, role: "img" });
  const values = points.map(([, value]) => value);
  svg.append(drawn("title", {}, `${title}: ${values.map((value) => value.toPrecision(4)).join(", ")}`));
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 1e-9) { low -= 0.01; high += 0.01; }
  const [first, last] = [points[0][0], Math.max(points.at(-1)[0], points[0][0] + 1)];
  const x = (step) => left + ((step - first) / (last - first)) * (w - left - right);
  const y = (value) => h - bottom - ((value - low) / (high - low)) * (h - top - bottom);
  for (const value of [low, (low + high) / 2, high]) {
    svg.append(drawn("line", { class: "grid", x1: left, x2: w - right, y1: y(value), y2: y(value) }));
    svg.append(drawn("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, value.toPrecision(3)));
  }
  svg.append(drawn("text", { class: "title", x: left, y: 14 }, `${title} ${values.at(-1).toPrecision(4)}`));
  svg.append(drawn("text", { x: left, y: h - 6 }, `step ${first}`));
  if (points.length > 1) svg.append(drawn("text", { x: w - right, y: h - 6, "text-anchor": "end" }, `step ${points.at(-1)[0]}`));
  svg.append(drawn("polyline", { class: "line", points: points.map(([step, value]) => `${x(step)},${y(value)}`).join(" ") }));
  svg.append(drawn("circle", { class: "dot", r: 3.5, cx: x(points.at(-1)[0]), cy: y(values.at(-1)) }));
  return svg;
}

function evaluations(status) {
  const all = status.evaluations;
  if (!all.length) {
    at("curves").replaceChildren();
    say("scores", "No evaluation yet, or none in this run's genesis.");
    return;
  }
  const last = all.at(-1);
  const of = (name) => all.filter((one) => name in one.scores).map((one) => [one.step, one.scores[name]]);
  const names = ["loss", ...Object.keys(last.scores).filter((name) => /AUC$|^mean AUC|^accuracy$|^R²$/.test(name))].slice(0, 3);
  at("curves").replaceChildren(...names.map((name) => [name, of(name)]).filter(([, points]) => points.length).map(([name, points]) => curve(name, points)));
  say("scores", `Step ${last.step}, ${last.rows} rows: ${Object.entries(last.scores).filter(([name]) => !/rows/.test(name)).map(([name, value]) => `${name} ${value.toFixed(4)}`).join(" · ")}`);
}

function rounds(status) {
  const all = status.rounds;
  const total = (one) => one.collection_ms + one.aggregate_ms + one.decrypt_ms;
  if (!all.length) {
    at("durations").replaceChildren();
    say("durations-text", "None since the coordinator was started.");
    return;
  }
  const [w, h] = [420, 140];
  const svg = drawn("svg", { viewBox: `0 0 ${w} ${h}`, role: "img" });
  svg.append(drawn("title", {}, "Duration of the last rounds"));
  const most = Math.max(...all.map(total), 1);
  const step = (w - 10) / Math.max(all.length, 20);
  all.forEach((one, place) => {
    const height = Math.max(2, (total(one) / most) * (h - 40));
    const bar = drawn("rect", { class: one.is_closed ? "bar" : "lost", x: 5 + place * step, y: h - 20 - height, width: Math.max(1, step - 2), height });
    bar.append(drawn("title", {}, `step ${one.step}${one.is_closed ? "" : ", given up"}: ${took(total(one))}, ${one.accepted} accepted, ${one.rejected} rejected`));
    svg.append(bar);
  });
  svg.append(drawn("text", { x: 5, y: 12 }, `longest ${took(most)}`));
  svg.append(drawn("text", { x: 5, y: h - 4 }, `step ${all[0].step}`));
  svg.append(drawn("text", { x: 5 + all.length * step, y: h - 4, "text-anchor": all.length > 3 ? "end" : "start" }, all.length > 1 ? `step ${all.at(-1).step}` : ""));
  at("durations").replaceChildren(svg);
  const last = all.at(-1);
  say("durations-text", `Step ${last.step}: collected in ${took(last.collection_ms)}, verified in ${took(last.verify_ms)}, added in ${took(last.aggregate_ms)}, opened in ${took(last.decrypt_ms)}, written in ${took(last.ledger_ms)}; ${last.accepted} accepted, ${last.rejected} rejected; ${bytes(last.bytes_up)} in, ${bytes(last.bytes_down)} out.`);
}

function pairs(id, list) {
  at(id).replaceChildren(...list.flatMap(([name, value, kind]) => [made("dt", name), made("dd", value, kind)]));
}

function chain(status) {
  const { head, committee, budget, time_ms: now } = status;
  const list = [["Run", status.chain, "mono"]];
  if (head) {
    list.push(["Head", head.time_ms === null ? `${head.height}` : `${head.height}, ${lasted(now - head.time_ms)} ago`], ["Hash", head.hash, "mono"]);
    const signed = head.countersigned;
    if (signed) list.push(["Countersigned", `${signed.by.length} of ${signed.needed} for step ${signed.step}: ${signed.by.map(short).join(", ") || "nobody yet"}`, signed.by.length < signed.needed ? "wait" : ""]);
  }
  if (committee) {
    list.push(["Committee", `number ${committee.number}: ${committee.members.length} members; ${committee.quorum} countersign, ${committee.threshold} open`]);
    list.push(["Silent", committee.silent.length ? committee.silent.map(short).join(", ") : "none", committee.silent.length ? "wait" : ""]);
  } else list.push(["Committee", "the key is not made yet"]);
  list.push(["Privacy", budget ? budget.says : "no noise in this run"]);
  pairs("ledger", list);
}

function rejections(status) {
  const items = status.rejections.slice(-30).reverse().map((one) => {
    const item = made("li");
    item.append(made("span", words(one.reason), "bad"), ` ${one.what} of `, made("span", one.author ? short(one.author) : "nobody known", "mono"),
      made("span", ` step ${one.step}, ${lasted(status.time_ms - one.time_ms)} ago${one.culprit ? "; costs a credit" : ""}`, "quiet"));
    return item;
  });
  at("rejections").replaceChildren(...(items.length ? items : [made("li", "None since the coordinator was started.", "quiet")]));
}

function machine(status) {
  const { machine: it, counts } = status;
  const refused = Object.entries(counts.refused).filter(([, count]) => count);
  const thin = it.disk_bytes && it.disk_free_bytes / it.disk_bytes < 0.1;
  pairs("machine", [
    ["Up", lasted(status.time_ms - status.started_ms)],
    ["Connections", `${it.connections} of ${it.most_connections}`],
    ["Memory", bytes(it.resident_bytes)],
    ["Descriptors", it.descriptors === null ? "unknown" : `${it.descriptors} of ${it.most_descriptors}`],
    ["Ledger", bytes(it.ledger_bytes)],
    ["Disk free", `${bytes(it.disk_free_bytes)} of ${bytes(it.disk_bytes)}`, thin ? "bad" : ""],
    ["Traffic", `${bytes(counts.bytes_up)} in, ${bytes(counts.bytes_down)} out`],
    ["Turned away", refused.length ? refused.map(([limit, count]) => `${count} (${limit})`).join(", ") : "nobody", refused.length ? "wait" : ""],
  ]);
}

function show(status) {
  say("chain", short(status.chain));
  say("step", status.run.step);
  say("steps", status.run.steps);
  at("progress").max = Math.max(1, status.run.steps);
  at("progress").value = status.run.step;
  phases(status.run);
  const [text, kind] = sentence(status);
  say("sentence", text);
  at("sentence").className = `sentence ${kind}`;
  figures(status); institutions(status); evaluations(status); rounds(status); chain(status); rejections(status); machine(status);
  say("version", `consilium-coordinator ${status.version}`);
  document.title = `${status.run.step}/${status.run.steps} ${status.run.phase} · Consilium`;
}

let seen = 0;
async function poll() {
  try {
    const answer = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
    seen = Date.now();
    say("link", "live");
    at("link").className = "badge good";
    document.body.classList.remove("stale");
  } catch {
    say("link", seen ? `no answer for ${lasted(Date.now() - seen)}` : "no answer");
    at("link").className = "badge bad";
    document.body.classList.add("stale");
  }
  setTimeout(poll, document.hidden ? 10000 : 1500);
}
poll();
