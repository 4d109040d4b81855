// The dashboard's chart: revenue as bars, buyers as a line. Words and figures come ready.
"use strict";

(() => {
  const place = document.getElementById("chart");
  const source = document.getElementById("chart-data");
  if (!place || !source || typeof echarts === "undefined") {
    return;
  }
  const data = JSON.parse(source.textContent);
  const compact = new Intl.NumberFormat(document.documentElement.lang, {
    notation: "compact",
    maximumFractionDigits: 1,
  });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const narrow = window.matchMedia("(max-width: 640px)");
  const chart = echarts.init(place, null, { renderer: "svg" });

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  // A node instead of HTML: no inline styles, so the page's policy has nothing to refuse.
  function tip(rows) {
    const index = rows[0].dataIndex;
    const box = document.createElement("div");
    box.className = "tip";
    box.append(Object.assign(document.createElement("strong"), { textContent: data.titles[index] }));
    for (const series of [data.revenue, data.buyers]) {
      const line = document.createElement("span");
      line.append(
        Object.assign(document.createElement("em"), { textContent: series.name }),
        Object.assign(document.createElement("b"), { textContent: series.texts[index] }),
      );
      box.append(line);
    }
    return box;
  }

  function axis(more) {
    return {
      type: "value",
      axisLabel: { color: colour("--muted"), formatter: (value) => compact.format(value) },
      splitLine: { lineStyle: { color: colour("--line") } },
      splitNumber: 4,
      ...more,
    };
  }

  function draw() {
    chart.setOption(
      {
        animation: !calm.matches,
        animationDuration: 350,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        grid: { left: 4, right: 4, top: 40, bottom: 4, outerBoundsMode: "same" },
        legend: {
          left: 0, top: 0, itemGap: 20, icon: "roundRect", itemWidth: 12, itemHeight: 8,
          textStyle: { color: colour("--muted") }, data: [data.revenue.name, data.buyers.name],
        },
        tooltip: {
          trigger: "axis", confine: true, formatter: tip, axisPointer: { type: "shadow" },
          backgroundColor: colour("--surface"), borderColor: colour("--line"),
          textStyle: { color: colour("--ink") },
        },
        xAxis: {
          type: "category", data: data.labels, axisTick: { show: false },
          axisLine: { lineStyle: { color: colour("--line") } },
          axisLabel: { color: colour("--muted"), interval: narrow.matches ? 1 : 0 },
        },
        yAxis: [axis(), axis({ splitLine: { show: false }, minInterval: 1 })],
        series: [
          {
            name: data.revenue.name, type: "bar", data: data.revenue.values, barMaxWidth: 34,
            itemStyle: { color: colour("--accent"), borderRadius: [6, 6, 0, 0] },
          },
          {
            name: data.buyers.name, type: "line", yAxisIndex: 1, data: data.buyers.values,
            smooth: 0.25, smoothMonotone: "x", symbolSize: 7, lineStyle: { width: 2.5 },
            itemStyle: { color: colour("--second") },
          },
        ],
      },
      true,
    );
  }

  draw();
  for (const wish of [dark, narrow]) {
    wish.addEventListener("change", draw);
  }
  new ResizeObserver(() => chart.resize()).observe(place);
})();
