"""The page of curves and pictures as a reader meets it: in a browser without a network."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from jaxcompress.evaluate import Curve
from jaxcompress.evaluate.report import load_entries, make_report

pytestmark = pytest.mark.slow

# Names that would run, fetch or close something if they were not shown as text.
EVIL = '<img src=x onerror="window.hacked=1"></script><script>window.hacked=1</script>$$x$$ @{y} ' + "long" * 40
RED, GREEN, BLUE = (200, 0, 0), (0, 160, 0), (0, 0, 200)
BACK_LEFT, BACK_RIGHT = (100, 100, 100), (180, 180, 180)
FIRST_COLOUR = (0, 0x72, 0xB2)  # of the first curve


def draw(path, background, block, size=(96, 64)):
    """A picture with a square block at 40..56, 24..40."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size[::-1], 3), background, np.uint8)
    pixels[24:40, 40:56] = block
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page of two curves, all names of which are hostile, over two pictures."""
    folder = tmp_path_factory.mktemp("report")
    for codec, (name, bits) in enumerate(((EVIL, 1.0), ("B", 1.5))):
        rows = []
        for picture in (EVIL, "second.png"):
            draw(folder / "original.png", BACK_LEFT, GREEN)
            for quality in range(4):
                decoded = f"{codec}-{quality}.png"
                draw(folder / decoded, BACK_RIGHT, RED if codec == 0 else BLUE)
                row = {
                    "picture": picture,
                    "quality": quality,
                    "bpp": bits * 2.0**quality,
                    "psnr-rgb": 30 + 2.0 * quality,
                }
                rows.append(row | {"source": str(folder / "original.png"), "decoded": decoded})
        results = {"bpp": [bits * 2.0**q for q in range(4)], "psnr-rgb": [30, 32, 34, 36]}
        results |= {"ms-ssim-rgb": [0.9, 0.92, 0.94, 0.96]} if codec == 0 else {}
        curve = Curve(name, EVIL, results, [EVIL, 1, 2, 3], rows, {EVIL: {EVIL: [EVIL]}})
        curve.save(folder / f"{codec}.json")
    path = folder / "report.html"
    entries = load_entries([folder / "0.json", folder / "1.json"])
    path.write_text(make_report(entries, bpp=[2.0], title=EVIL).html)
    return path


@pytest.fixture(scope="module")
def browser():
    found = shutil.which("chromium")
    if not found:
        pytest.skip("needs a browser: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, page_file):
    """A function that opens the page; whatever it fetches or complains about is an error in the end."""
    complaints = []
    contexts = []

    def route(route):
        if route.request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            complaints.append(f"fetches {route.request.url}")
            route.abort()

    def open_it(width=1000, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_offline(True)
        context.route("**/*", route)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.goto(page_file.as_uri())
        page.wait_for_function("document.querySelectorAll('#stage canvas').length == 2")
        page.wait_for_function("window.Bokeh?.documents[0]?.is_idle")
        return page

    open_it.complaints = complaints
    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def look(element):
    """Pixels of what is on the screen."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB")).astype(int)


def count(pixels, colour):
    return int((np.abs(pixels - colour).max(axis=-1) < 24).sum())


def pixel(page, x, y):
    """Colour at shares of the stage's width and height."""
    pixels = look(page.locator("#stage"))
    return pixels[int(y * (len(pixels) - 1)), int(x * (pixels.shape[1] - 1))]


def near(pixel, colour):
    return np.abs(pixel - colour).max() < 12


def drag(page, start, end):
    """Drags the pointer between two points, in shares of the stage."""
    box = page.locator("#stage").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    page.mouse.up()


def wheel(page, x, y, delta):
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.wheel(0, delta)
    page.wait_for_timeout(100)


def transforms(page):
    return page.eval_on_selector_all("#stage canvas", "found => found.map(canvas => canvas.style.transform)")


def test_curves_are_drawn_hidden_and_changed(open_page):
    page = open_page()
    chart = page.locator("#chart")
    drawn = look(chart)
    assert count(drawn, FIRST_COLOUR) > 300
    page.locator("#legend input").first.uncheck()
    page.wait_for_timeout(200)
    assert count(look(chart), FIRST_COLOUR) == 0
    page.locator("#legend input").first.check()
    page.locator("#log").check()
    page.wait_for_timeout(500)
    assert count(look(chart), FIRST_COLOUR) > 300
    assert (look(chart) != drawn).any()
    assert page.locator("#differences table:visible").count() == 1
    page.get_by_text("MS-SSIM (RGB) [dB]", exact=True).click()
    page.wait_for_timeout(500)
    assert page.locator("#differences table:visible").inner_text().count("B has no 'ms-ssim-rgb'") == 1
    assert page.locator("#legend input").nth(1).is_disabled()


def test_the_chart_zooms_and_tells_what_is_pointed_at(open_page):
    page = open_page()
    page.locator("#chart").scroll_into_view_if_needed()
    place = page.evaluate("""() => {
        const plot = Bokeh.documents.at(-1).roots()[0];
        const frame = [...Bokeh.index.roots].find((view) => view.frame).frame;
        const box = document.querySelector("#chart").getBoundingClientRect();
        return {
            x: box.left + frame.x_scale.compute(2),
            y: box.top + frame.y_scale.compute(32),
            range: [plot.x_range.start, plot.x_range.end],
        };
    }""")
    page.mouse.move(place["x"], place["y"])
    for text in (EVIL, "2.0000", "32.0000"):
        page.locator(".bk-Tooltip").get_by_text(text, exact=True).wait_for(timeout=5000)
    assert page.locator(".bk-Tooltip").bounding_box()["x"] >= 0
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    page.wait_for_timeout(300)
    start, end = page.evaluate("(r => [r.start, r.end])(Bokeh.documents.at(-1).roots()[0].x_range)")
    assert end - start < 0.9 * (place["range"][1] - place["range"][0])


def test_the_divider_changes_what_is_shown(open_page):
    page = open_page()
    assert near(pixel(page, 0.3, 0.1), BACK_LEFT)
    assert near(pixel(page, 0.7, 0.1), BACK_RIGHT)
    drag(page, (0.5, 0.5), (0.9, 0.5))
    assert near(pixel(page, 0.7, 0.1), BACK_LEFT)
    assert near(pixel(page, 0.95, 0.1), BACK_RIGHT)
    drag(page, (0.9, 0.2), (0.1, 0.2))
    assert near(pixel(page, 0.3, 0.1), BACK_RIGHT)
    page.locator("#divider").focus()
    page.keyboard.press("Home")
    assert near(pixel(page, 0.95, 0.1), BACK_LEFT)
    page.keyboard.press("ArrowLeft")
    assert page.locator("#divider").get_attribute("aria-valuenow") == "98"


def test_both_sides_zoom_and_move_as_one(open_page):
    page = open_page()
    before = transforms(page)
    assert near(pixel(page, 0.55, 0.5), RED)
    assert near(pixel(page, 0.7, 0.5), BACK_RIGHT)
    assert near(pixel(page, 0.45, 0.5), GREEN)
    assert near(pixel(page, 0.3, 0.5), BACK_LEFT)
    wheel(page, 0.46, 0.5, -450)  # on the left, to 2.8 times the size
    left, right = transforms(page)
    assert left == right
    assert left != before[0]
    assert near(pixel(page, 0.7, 0.5), RED)
    assert near(pixel(page, 0.36, 0.5), GREEN)
    drag(page, (0.3, 0.9), (0.3, 0.2))  # and up
    left, right = transforms(page)
    assert left == right
    assert near(pixel(page, 0.7, 0.5), BACK_RIGHT)
    assert near(pixel(page, 0.3, 0.5), BACK_LEFT)
    page.locator("#stage").focus()
    page.keyboard.press("0")
    assert transforms(page) == before
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    left, right = transforms(page)
    assert left == right != before[0]


def test_versions_and_error_maps_are_shown_with_their_values(open_page):
    page = open_page()
    caption = page.locator("#right-caption")
    assert "2.0000 bpp · PSNR 32.00 dB · quality 1" in caption.inner_text()
    page.locator("#right").select_option("picture 1")
    page.wait_for_function("document.querySelector('#right-caption b').textContent == 'B'")
    assert "1.5000 bpp" in caption.inner_text()
    assert near(pixel(page, 0.55, 0.4), BLUE)
    page.locator("#factor").select_option("2")
    page.locator("#right").select_option("error 0")
    page.wait_for_function("document.querySelector('#right-caption b').textContent.endsWith('error \\u00d7 2')")
    assert near(pixel(page, 0.7, 0.1), (160, 160, 160))  # twice 180 - 100
    assert near(pixel(page, 0.55, 0.5), (255, 255, 0))  # twice 200 and 160, cut off
    page.locator("#swap").click()
    page.wait_for_function("document.querySelector('#right-caption b').textContent == 'Original'")
    assert near(pixel(page, 0.3, 0.1), (160, 160, 160))


def test_names_are_text(open_page):
    page = open_page(bypass_csp=True)  # which would stop what got through
    page.locator("#row-picture").select_option("all")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert page.locator("h1").inner_text() == page.title() == EVIL
    shown = {
        "#legend span": 1,
        "#rows tbody td": 1 + 4 + 4 + 4,
        "#picture option": 1,
        "#row-picture option": 1,
        "#row-curve option": 1,
        "summary": 1,
        "dt": 2,
        "#differences b": 1,
    }
    for selector, times in shown.items():
        assert page.locator(selector).all_text_contents().count(EVIL) >= times, selector


def test_its_policy_stops_what_is_foreign(open_page):
    page = open_page()
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), {textContent: 'ran = 1'}))")
    assert page.evaluate("window.ran") is None
    assert "violates the following Content Security Policy" in open_page.complaints.pop()


def test_values_sort_and_filter(open_page):
    page = open_page()
    rates = page.locator("#rows tbody td:nth-child(4)")
    assert rates.all_text_contents()[:2] == ["1.0000", "2.0000"]
    page.get_by_role("button", name="bpp", exact=True).click()
    ascending = [float(text) for text in rates.all_text_contents()]
    assert ascending == sorted(ascending)
    page.get_by_role("button", name="bpp", exact=True).click()
    assert [float(text) for text in rates.all_text_contents()] == ascending[::-1]
    page.locator("#row-picture").select_option(label="second.png")
    page.locator("#row-curve").select_option(label="B")
    assert rates.all_text_contents() == ["12.0000", "6.0000", "3.0000", "1.5000"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_need_no_sideways_scrolling(open_page, scheme):
    page = open_page(380, 800, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 380
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    assert count(look(page.locator("#chart")), FIRST_COLOUR) > 100
