// Points by month, as now and with the change, side by side. Words and figures come ready.
"use strict";

(() => {
  const place = document.getElementById("dry-chart");
  const source = document.getElementById("dry-chart-data");
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
    for (const series of data.series) {
      const line = document.createElement("span");
      line.append(
        Object.assign(document.createElement("em"), { textContent: series.name }),
        Object.assign(document.createElement("b"), { textContent: series.texts[index] }),
      );
      box.append(line);
    }
    return box;
  }

  function draw() {
    const colours = [colour("--second"), colour("--accent")];
    chart.setOption(
      {
        animation: !calm.matches,
        animationDuration: 350,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        grid: { left: 4, right: 4, top: 40, bottom: 4, outerBoundsMode: "same" },
        legend: {
          left: 0, top: 0, itemGap: 20, icon: "roundRect", itemWidth: 12, itemHeight: 8,
          textStyle: { color: colour("--muted") }, data: data.series.map((series) => series.name),
        },
        tooltip: {
          trigger: "axis", confine: true, formatter: tip, axisPointer: { type: "shadow" },
          backgroundColor: colour("--surface"), borderColor: colour("--line"),
          textStyle: { color: colour("--ink") },
        },
        xAxis: {
          type: "category", data: data.labels, axisTick: { show: false },
          axisLine: { lineStyle: { color: colour("--line") } },
          axisLabel: { color: colour("--muted"), hideOverlap: true },
        },
        yAxis: {
          type: "value", splitNumber: 4,
          axisLabel: { color: colour("--muted"), formatter: (value) => compact.format(value) },
          splitLine: { lineStyle: { color: colour("--line") } },
        },
        series: data.series.map((series, n) => ({
          name: series.name, type: "bar", data: series.values, barMaxWidth: 22, barGap: "10%",
          itemStyle: { color: colours[n], borderRadius: [5, 5, 0, 0] },
        })),
      },
      true,
    );
  }

  draw();
  dark.addEventListener("change", draw);
  new ResizeObserver(() => chart.resize()).observe(place);
})();
