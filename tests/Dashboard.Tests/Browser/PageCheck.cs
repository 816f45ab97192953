using Microsoft.Playwright;

namespace FedLLM.Dashboard.Tests.Browser;

/// <summary>
/// What a reader with a screen reader, a keyboard or weak eyes needs of a page: names of controls and pictures, labels of fields, one first heading, headings
/// without gaps, unique ids, and contrast of texts (WCAG 2.1, 1.4.3: 4.5 to 1, large 3 to 1).
/// </summary>
internal static class PageCheck
{
    private const string Script = """
        () => {
            const problems = [];
            const shown = element => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && element.getClientRects().length > 0;
            const nameOf = element => {
                const by = element.getAttribute("aria-labelledby");
                return (element.getAttribute("aria-label") ?? (by ? document.getElementById(by)?.textContent : null) ?? element.textContent ?? "").trim();
            };
            const describe = element => `<${element.tagName.toLowerCase()}${element.id ? " id=" + element.id : ""} class="${element.getAttribute("class") ?? ""}"> ${element.textContent.trim().slice(0, 40)}`;
            if (!document.documentElement.lang) { problems.push("no language"); }
            if (!document.title) { problems.push("no title"); }
            if (document.querySelectorAll("h1").length !== 1) { problems.push(`${document.querySelectorAll("h1").length} first headings`); }
            let level = 0;
            for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
                const next = Number(heading.tagName[1]);
                if (next > level + 1) { problems.push(`heading level ${level} to ${next}: ${heading.textContent}`); }
                level = next;
            }
            const ids = new Set();
            for (const element of document.querySelectorAll("[id]")) {
                if (ids.has(element.id)) { problems.push(`id ${element.id} twice`); }
                ids.add(element.id);
            }
            for (const element of document.querySelectorAll("a[href], button, [role=img], [role=region], nav, summary, progress")) {
                if (shown(element) && !nameOf(element)) { problems.push("no name: " + describe(element)); }
            }
            for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
                if (![...(element.labels ?? [])].some(label => label.textContent.trim()) && !element.getAttribute("aria-label")) { problems.push("no label: " + describe(element)); }
            }
            for (const svg of document.querySelectorAll("svg")) {
                if (!svg.closest("[aria-hidden=true]") && svg.getAttribute("role") !== "img") { problems.push("a picture neither named nor hidden: " + describe(svg)); }
            }
            for (const cell of document.querySelectorAll("thead th")) {
                if (!cell.textContent.trim()) { problems.push("a column without a heading"); }
            }
            const scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
            const color = text => { scratch.clearRect(0, 0, 1, 1); scratch.fillStyle = text; scratch.fillRect(0, 0, 1, 1); const [r, g, b, a] = scratch.getImageData(0, 0, 1, 1).data; return { r, g, b, a: a / 255 }; };
            const light = ({ r, g, b }) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
            const behind = element => { for (let at = element; at; at = at.parentElement) { const ground = color(getComputedStyle(at).backgroundColor); if (ground.a > 0.99) { return ground; } } return { r: 255, g: 255, b: 255, a: 1 }; };
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const element = walker.currentNode.parentElement;
                if (!walker.currentNode.textContent.trim() || !shown(element) || element.closest(".hidden, .skip, script, style, option")) { continue; }
                const style = getComputedStyle(element);
                const [one, other] = [light(color(element.closest("svg") ? style.fill : style.color)), light(behind(element))].sort((a, b) => b - a);
                const size = parseFloat(style.fontSize);
                const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
                const contrast = (one + 0.05) / (other + 0.05);
                if (contrast < least) { problems.push(`contrast ${contrast.toFixed(2)}: ${describe(element)}`); }
            }
            if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) { problems.push(`wider than the window: ${document.documentElement.scrollWidth}`); }
            return [...new Set(problems)];
        }
        """;

    /// <summary>Asserts that nothing is missing.</summary>
    public static async Task Pass(IPage page, string what)
    {
        string[] problems = await page.EvaluateAsync<string[]>(Script);
        Assert.True(problems.Length == 0, $"{what}:\n{string.Join('\n', problems)}");
    }
}
