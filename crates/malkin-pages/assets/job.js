// Live progress of jobs. One page watches one job by events; a list asks now and then.
const watched = document.querySelector("[data-watch][data-alive]");
if (watched) {
  const state = watched.querySelector("[data-state]");
  const bar = watched.querySelector("progress");
  const percent = watched.querySelector("[data-percent]");
  const left = watched.querySelector("[data-left]");
  const started = performance.now();
  let first = null;
  const events = new EventSource(`/ui/data/jobs/${watched.dataset.watch}/events`);
  const words = { queued: "waiting", in_progress: "running", finished: "finished", failed: "failed", terminated: "cancelled" };
  const show = (event) => {
    const news = JSON.parse(event.data);
    const share = Math.round(100 * (news.progress ?? 0));
    state.textContent = words[news.state] ?? news.state;
    bar.value = share;
    percent.textContent = `${share} %`;
    if (news.state === "in_progress") {
      first ??= { at: performance.now(), share };
      const gained = share - first.share;
      if (gained >= 5) {
        const seconds = Math.round((performance.now() - first.at) / 1000 * (100 - share) / gained);
        left.textContent = seconds > 1 ? `about ${seconds} s left` : "";
      }
    }
  };
  events.addEventListener("progress", show);
  events.addEventListener("end", (event) => {
    show(event);
    events.close();
    // What came of it is made by the server.
    setTimeout(() => location.reload(), Math.max(0, 300 - (performance.now() - started)));
  });
}
if (!watched && document.querySelector("tr[data-alive]")) setTimeout(() => location.reload(), 4000);
