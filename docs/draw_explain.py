"""Draw docs/img/explain.png: the page that `Network.explain` makes of a trained network on digits.

    python -m docs.draw_explain

A screenshot by headless Chromium (Debian's packages chromium and chromium-driver; selenium).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import xpnet

PICTURE = Path(__file__).parent / "img" / "explain.png"
WIDTH, HEIGHT = 1120, 820
FROM_HERE = "//*[starts-with(normalize-space(text()), 'Forward')]"
"""Above it stand the legend and the data."""


def save_page(path: Path) -> None:
    """One pass of 64-32-10 on 32 digits, after two epochs."""
    images, labels = xpnet.datasets.load_digits()
    net = xpnet.Network([64, 32, 10], rng=1)
    net.fit(images / 16, labels, epochs=2, batch_size=32)
    net.explain(images[:32] / 16, labels[:32]).save(path)


def photograph(page: Path, picture: Path) -> None:
    """The page's equations, light, as a PNG of few colours."""
    from PIL import Image
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        size = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.as_uri())
        top = driver.find_element("xpath", FROM_HERE)
        driver.execute_script("scrollTo(0, arguments[0].getBoundingClientRect().y - 12)", top)
        driver.save_screenshot(str(picture))
    finally:
        driver.quit()
    Image.open(picture).convert("RGB").quantize(64).save(picture, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        save_page(Path(folder) / "pass.html")
        photograph(Path(folder) / "pass.html", PICTURE)
