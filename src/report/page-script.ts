/**
 * What a report does in the browser: unpacks Plotly, which the page carries compressed, and puts an interactive chart in the
 * place of each still picture. Where anything of that fails, the still pictures stay. Written for the browser, hence as text.
 */
export const pageScript = `
(async () => {
  const packed = document.getElementById('plotly');
  const charts = [...document.querySelectorAll('.chart[data-figure]')];
  if (!packed || charts.length === 0 || typeof DecompressionStream === 'undefined') return;
  const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const script = document.createElement('script');
  script.textContent = await new Response(stream).text();
  document.head.append(script);
  const Plotly = window.Plotly;
  if (!Plotly) return;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = (given, more) => ({ ...given, gridcolor: colour('--grid'), linecolor: colour('--line'), tickcolor: colour('--line'),
    automargin: true, ...more, title: { ...given?.title, font: { size: 12, color: colour('--muted') } } });
  const themed = (layout) => ({
    ...layout, autosize: true, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', colorway: JSON.parse(packed.dataset.colours),
    margin: { l: 56, r: 12, t: 12, b: 44 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour('--muted') },
    legend: { ...layout.legend, font: { color: colour('--ink') } },
    hoverlabel: { bgcolor: colour('--surface'), bordercolor: colour('--line'), font: { color: colour('--ink') } },
    xaxis: axis(layout.xaxis, { showgrid: false, showline: true }), yaxis: axis(layout.yaxis, {}),
  });
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'] };
  const drawn = [];
  for (const chart of charts) {
    const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    const live = chart.querySelector('.live');
    const still = chart.querySelector('.still');
    live.hidden = false;
    still.hidden = true;
    try {
      await Plotly.newPlot(live, figure.data, themed(figure.layout), config);
      drawn.push({ live, layout: figure.layout });
      chart.dataset.drawn = 'true';
    } catch (error) {
      live.hidden = true;
      still.hidden = false;
      console.error(error);
    }
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { live, layout } of drawn) Plotly.relayout(live, themed(layout));
  });
})();
`;
