// What pages gain by script: they follow live runs, and charts have a cursor, a zoom and a legend. Without it every page is whole.

const page = document;

// ---- Live parts: elements with data-live are replaced by their newest rendering, which the server makes ----

let host = null;
let stale = false;
let fetching = false;

function say(state, text) {
    const place = page.getElementById("link-state");
    place.dataset.state = state;
    if (place.textContent !== text) { place.textContent = text; }
}

async function refresh() {
    stale = true;
    if (fetching || page.hidden) { return; }
    fetching = true;
    try {
        while (stale && !page.hidden) {
            stale = false;
            const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
            if (answer.redirected) { location.assign(answer.url); return; } // it must be let in again
            if (!answer.ok) { break; }
            swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
            await new Promise(done => setTimeout(done, 400));
        }
    } catch {
        // The connection is gone; the event source tells when it is back.
    } finally {
        fetching = false;
    }
}

function swap(next) {
    page.title = next.title;
    const known = new Set();
    for (const old of page.querySelectorAll("[data-live]")) {
        known.add(old.id);
        const fresh = next.getElementById(old.id);
        if (fresh) { replace(old, fresh); }
    }
    // A part that is new to the page has no place yet: the whole content is taken over, unless somebody is writing in it.
    const added = [...next.querySelectorAll("[data-live]")].some(part => !known.has(part.id));
    const main = page.getElementById("content");
    if (added && !main.querySelector("input:focus, textarea:focus, select:focus")) {
        main.replaceChildren(...page.importNode(next.getElementById("content"), true).childNodes);
        start(main);
    }
}

function replace(old, fresh) {
    if (old.dataset.source === fresh.outerHTML) { return; }
    const source = fresh.outerHTML;
    if (old.classList.contains("charts")) {
        swapCharts(old, fresh);
    } else {
        const picked = new Set([...old.querySelectorAll("input:checked")].map(input => input.id));
        const scrolled = [...old.querySelectorAll(".table")].map(table => table.scrollLeft);
        const focused = old.contains(page.activeElement) ? focusPath(old) : null;
        old.replaceChildren(...page.importNode(fresh, true).childNodes);
        for (const id of picked) { const input = page.getElementById(id); if (input) { input.checked = true; } }
        old.querySelectorAll(".table").forEach((table, i) => { table.scrollLeft = scrolled[i] ?? 0; });
        if (focused) { old.querySelector(focused)?.focus({ preventScroll: true }); }
        start(old);
    }
    old.dataset.source = source;
}

function focusPath(inside) {
    const element = page.activeElement;
    if (element.id) { return "#" + CSS.escape(element.id); }
    const link = element.getAttribute("href");
    return link ? `a[href="${CSS.escape(link)}"]` : element.classList[0] ? "." + CSS.escape(element.classList[0]) : null;
}

// A chart that somebody has zoomed, thinned or is reading stays theirs.
function swapCharts(old, fresh) {
    const charts = new Map([...old.querySelectorAll(".chart")].map(chart => [chart.id, chart]));
    const next = [...fresh.querySelectorAll(".chart")];
    if (next.length !== charts.size || next.some(chart => !charts.has(chart.id))) {
        old.replaceChildren(...page.importNode(fresh, true).childNodes);
        start(old);
        return;
    }
    for (const chart of next) {
        const present = charts.get(chart.id);
        if (present.dataset.hide || present.dataset.from || present.dataset.to) {
            redraw(present, {});
        } else if (!present.matches(":focus-within") && !present.querySelector(".cursor, .selection")) {
            const copy = page.importNode(chart, true);
            present.replaceWith(copy);
            startChart(copy);
        }
    }
}

function listen() {
    let events = null;
    const open = () => {
        if (events || page.hidden) { return; }
        events = new EventSource("/api/events");
        events.addEventListener("hello", message => {
            const told = JSON.parse(message.data);
            say("live", "live");
            if (host !== null) { refresh(); } // reconnected: much may have happened
            host = told.host;
        });
        events.addEventListener("change", message => {
            const told = JSON.parse(message.data);
            say("live", "live");
            // A cluster's figures change all the time, and are on its own page alone.
            if (told.runs.length > 0 || !told.cluster || location.pathname === "/cluster") { refresh(); }
        });
        events.onerror = () => {
            say("lost", "reconnecting");
            if (events.readyState === EventSource.CLOSED) {
                events = null;
                refresh();
                setTimeout(open, 2000);
            }
        };
    };
    // A hidden page needs no news, and browsers allow only six open connections to one host.
    page.addEventListener("visibilitychange", () => {
        if (page.hidden) { events?.close(); events = null; } else { open(); }
    });
    open();
}

// ---- Charts ----

const bytes = ["B", "KiB", "MiB", "GiB", "TiB"];

function words(value, kind) {
    if (value === null || value === undefined) { return "–"; }
    if (kind === "bytes") {
        let unit = 0;
        while (Math.abs(value) >= 1024 && unit < bytes.length - 1) { value /= 1024; unit++; }
        return value.toFixed(unit ? 1 : 0) + " " + bytes[unit];
    }
    if (kind === "count") { return Math.round(value).toLocaleString("en-US"); }
    if (kind === "seconds") {
        return value < 60 ? value.toFixed(2) + " s" : value < 3600 ? (value / 60).toFixed(1) + " min" : (value / 3600).toFixed(2) + " h";
    }
    return value === 0 ? "0" : Math.abs(value) >= 0.001 && Math.abs(value) < 100000 ? value.toFixed(4) : value.toExponential(2);
}

async function redraw(chart, change) {
    const state = { from: chart.dataset.from ?? "", to: chart.dataset.to ?? "", hide: chart.dataset.hide ?? "", ...change };
    const query = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== ""));
    const answer = await fetch(chart.dataset.fragment + query, { headers: { accept: "text/html" } });
    if (!answer.ok || !chart.isConnected) { return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(".chart");
    const within = chart.contains(page.activeElement) ? page.activeElement : null;
    const again = within?.dataset?.series ? `[data-series="${CSS.escape(within.dataset.series)}"]` : within ? ".plot" : null;
    const copy = page.importNode(fresh, true);
    chart.replaceWith(copy);
    startChart(copy);
    if (again) { copy.querySelector(again)?.focus({ preventScroll: true }); }
}

function startChart(chart) {
    if (chart.dataset.started) { return; }
    chart.dataset.started = "yes";
    const plot = chart.querySelector(".plot");
    const readout = chart.querySelector(".readout");
    const left = Number(chart.dataset.left), right = Number(chart.dataset.right);
    let values = null, places = [], at = -1, cursor = null, drag = null;

    const load = async () => {
        if (values) { return values; }
        const query = new URLSearchParams({ from: chart.dataset.from ?? "", to: chart.dataset.to ?? "", hide: chart.dataset.hide ?? "" });
        const address = chart.dataset.values + (chart.dataset.values.includes("?") ? "&" : "?") + query;
        const answer = await fetch(address, { headers: { accept: "application/json" } });
        if (!answer.ok) { return null; }
        values = await answer.json();
        places = [...new Set(values.series.flatMap(line => line.x))].filter(x => x >= left && x <= right).sort((a, b) => a - b);
        return values;
    };

    const show = async index => {
        if (!await load() || places.length === 0) { return; }
        at = Math.max(0, Math.min(places.length - 1, index));
        const x = places[at];
        const share = (x - left) / (right - left);
        if (!cursor?.isConnected) {
            cursor = page.createElement("div");
            cursor.className = "cursor";
            plot.append(cursor);
        }
        cursor.style.left = 100 * share + "%";
        readout.classList.toggle("right", share < 0.5);
        const lines = values.series.map(line => {
            const i = line.x.lastIndexOf(x);
            if (i < 0 || line.y[i] === null) { return null; }
            const band = line.low && line.low[i] !== null ? ` (${words(line.low[i], values.kind)} to ${words(line.high[i], values.kind)})` : "";
            return `${line.label}: ${words(line.y[i], values.kind)}${band}`;
        });
        readout.textContent = [`${values.axis} ${words(x, values.axis_kind)}`, ...lines.filter(Boolean)].join("\n");
    };

    const leave = () => { cursor?.remove(); cursor = null; readout.textContent = ""; };
    const placeOf = event => {
        const box = plot.getBoundingClientRect();
        return left + Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * (right - left);
    };
    const nearest = x => {
        let best = 0;
        for (let i = 1; i < places.length; i++) { if (Math.abs(places[i] - x) < Math.abs(places[best] - x)) { best = i; } }
        return best;
    };
    const zoom = factor => {
        const middle = at >= 0 && places.length > 0 ? places[at] : (left + right) / 2;
        const half = (right - left) / 2 * factor;
        redraw(chart, { from: String(middle - half), to: String(middle + half) });
    };

    plot.addEventListener("pointermove", async event => {
        const x = placeOf(event);
        if (drag) {
            drag.to = x;
            drag.box.style.left = 100 * (Math.min(drag.from, x) - left) / (right - left) + "%";
            drag.box.style.width = 100 * Math.abs(x - drag.from) / (right - left) + "%";
        }
        if (await load()) { show(nearest(x)); }
    });
    plot.addEventListener("pointerleave", () => { if (!drag && page.activeElement !== plot) { leave(); } });
    plot.addEventListener("pointerdown", event => {
        if (event.pointerType === "touch" || event.button !== 0) { return; }
        const box = page.createElement("div");
        box.className = "selection";
        plot.append(box);
        drag = { from: placeOf(event), to: placeOf(event), box };
        plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointerup", () => {
        if (!drag) { return; }
        const { from, to, box } = drag;
        drag = null;
        box.remove();
        if (Math.abs(to - from) > (right - left) * 0.02) {
            redraw(chart, { from: String(Math.min(from, to)), to: String(Math.max(from, to)) });
        }
    });
    plot.addEventListener("dblclick", () => redraw(chart, { from: "", to: "" }));
    plot.addEventListener("keydown", async event => {
        const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
        if (step) {
            event.preventDefault();
            await load();
            show(at < 0 ? (step > 0 ? 0 : places.length - 1) : at + step);
        } else if (event.key === "Home" || event.key === "End") {
            event.preventDefault();
            await load();
            show(event.key === "Home" ? 0 : places.length - 1);
        } else if (event.key === "+" || event.key === "=") {
            zoom(0.5);
        } else if (event.key === "-") {
            zoom(2);
        } else if (event.key === "Escape") {
            leave();
            if (chart.dataset.from || chart.dataset.to) { redraw(chart, { from: "", to: "" }); }
        }
    });
    plot.addEventListener("blur", leave);
    chart.querySelector(".reset").addEventListener("click", () => redraw(chart, { from: "", to: "" }));
    chart.querySelectorAll(".legend button").forEach(button => button.addEventListener("click", () => {
        const hidden = new Set((chart.dataset.hide ?? "").split(",").filter(Boolean));
        if (!hidden.delete(button.dataset.series)) { hidden.add(button.dataset.series); }
        redraw(chart, { hide: [...hidden].join(",") });
    }));
}

// ---- Forms and the theme ----

function start(inside) {
    inside.querySelectorAll(".chart").forEach(startChart);
    inside.querySelectorAll("form[data-confirm]").forEach(form => form.addEventListener("submit", event => {
        if (!confirm(form.dataset.confirm)) { event.preventDefault(); }
    }));
    inside.querySelectorAll("form[data-busy]").forEach(form => form.addEventListener("submit", () => {
        const button = form.querySelector("button[type=submit]");
        button.textContent = form.dataset.busy;
        button.setAttribute("aria-disabled", "true");
    }));
}

function theme() {
    const button = page.getElementById("theme");
    const order = ["system", "light", "dark"];
    const apply = choice => {
        if (choice === "system") { delete page.documentElement.dataset.theme; } else { page.documentElement.dataset.theme = choice; }
        button.textContent = { system: "Auto", light: "Light", dark: "Dark" }[choice];
        button.setAttribute("aria-label", `Colors: ${choice}. Change`);
    };
    let choice = localStorage.getItem("theme") ?? "system";
    apply(order.includes(choice) ? choice : "system");
    button.hidden = false;
    button.addEventListener("click", () => {
        choice = order[(order.indexOf(choice) + 1) % order.length];
        localStorage.setItem("theme", choice);
        apply(choice);
    });
}

theme();
start(page);
if (!page.documentElement.dataset.still) { listen(); }
