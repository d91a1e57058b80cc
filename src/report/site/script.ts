/**
 * What the site does in the browser: when a figure comes near, loads Plotly from the file beside the page and puts the interactive
 * chart in the place of the still picture. Where anything of that fails, the still pictures stay. Written for the browser, hence as text.
 */
export const siteScript = `
(() => {
  // A reader who opens a page on a telephone sees its beginning, not the list of chapters.
  const bar = document.querySelector('.bar details');
  const wide = matchMedia('(min-width: 70rem)');
  const fold = () => { if (bar) bar.open = wide.matches; };
  wide.addEventListener('change', fold);
  fold();

  const charts = [...document.querySelectorAll('.chart[data-figure]')];
  if (charts.length === 0 || typeof IntersectionObserver === 'undefined') return;
  let loaded;
  const plotly = () => loaded ??= new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = 'assets/plotly.js';
    script.onload = () => resolve(window.Plotly);
    script.onerror = reject;
    document.head.append(script);
  });
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const axis = (given) => ({ ...given, gridcolor: colour('--grid'), linecolor: colour('--line'), tickcolor: colour('--line') });
  const themed = ({ layout }) => ({
    ...layout, autosize: true, paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour('--muted') },
    title: { ...layout.title, font: { size: 14, color: colour('--ink') }, x: 0, xanchor: 'left', pad: { t: 12, l: 4 } },
    hoverlabel: { bgcolor: colour('--surface'), bordercolor: colour('--line'), font: { color: colour('--ink') } },
    xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis), margin: { ...layout.margin, l: Math.max(76, layout.margin?.l ?? 0) },
  });
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ['select2d', 'lasso2d', 'autoScale2d'] };
  const drawn = [];
  const draw = async (chart) => {
    const figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    const live = chart.querySelector('.live');
    const still = chart.querySelector('.still');
    try {
      const Plotly = await plotly();
      live.hidden = false;
      still.hidden = true;
      await Plotly.newPlot(live, figure.data, themed(figure), config);
      drawn.push({ live, figure });
      chart.dataset.drawn = 'true';
    } catch (error) {
      live.hidden = true;
      still.hidden = false;
      console.error(error);
    }
  };
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      draw(target);
    }
  }, { rootMargin: '600px' });
  for (const chart of charts) observer.observe(chart);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { live, figure } of drawn) window.Plotly.relayout(live, themed(figure));
  });
})();
`;
