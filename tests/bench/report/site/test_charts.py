"""The charts of the page, linked to its table."""

from __future__ import annotations

import pytest

from tests.support.site import Site

SYMBOLS = ".scatter svg .mark-symbol path"


def test_each_row_with_both_figures_is_a_point_and_each_curve_a_line(site: Site) -> None:
    site.drawn()
    figures = [row for row in site.rows if row["test RMSE"] != "—" and row["fit s"] != "—"]
    outside = site.one(".of-plot figcaption").text.partition("Outside of the frame:")[2]
    assert len(site.all(SYMBOLS)) + outside.count("@") == len(figures)
    curves = site.all(".legend li")
    assert len(curves) == len(figures)


def test_a_row_under_the_pointer_is_lit_in_the_charts_and_the_other_way_round(site: Site) -> None:
    site.drawn()
    site.hover(site.one("[data-row='numpy_sgd@cpu']"))
    site.until(lambda: site.one(".legend li.lit").text.startswith("numpy_sgd@cpu"))
    site.until(lambda: len(strong(site)) == 1, "one point stands out")
    site.hover(strong(site)[0])
    site.until(lambda: len(site.all(".of-table tbody tr.lit")) == 1)
    assert "numpy_sgd" in site.one(".of-table tbody tr.lit").text
    assert site.one("#tip").is_displayed()
    site.hover(site.one("header nav"))
    site.until(lambda: not site.all(".lit"))
    assert not site.one("#tip").is_displayed()


def strong(site: Site) -> list:
    return [each for each in site.all(SYMBOLS) if each.get_attribute("opacity") in ("1", None, "")]


def test_a_point_tells_its_seeds_settings_commit_machine_and_command(site: Site) -> None:
    site.drawn()
    site.hover(site.all(SYMBOLS)[0])
    site.until(lambda: site.one("#tip").is_displayed())
    shown = site.one("#tip").text
    for fact in ("Seed", "epochs=30", "abc", "box-1", "bench run --impl"):
        assert fact in shown


@pytest.mark.parametrize(
    ("menu", "choice", "state", "title"),
    [
        ("[name=x]", "epochs", "x=epochs", "epochs"),
        ("[name=x]", "seconds since the process began", "x=total", "seconds since"),
        ("[name=y]", "validation MAE", "y=mae", "validation MAE"),
        ("[name=across]", "test MAE", "across=test-mae", "test MAE"),
    ],
)
def test_axes_are_chosen(site: Site, menu: str, choice: str, state: str, title: str) -> None:
    site.choose(menu, choice)
    assert site.state == state
    titles = ".mark-text.role-axis-title text"
    site.drawn()
    site.until(lambda: any(title in each.text for each in site.all(titles)), title)


def test_an_axis_is_made_linear_and_logarithmic_again(site: Site) -> None:
    site.drawn()
    before = ticks(site)
    site.click("[name=log-x]")
    assert site.state.startswith("log=")
    site.until(lambda: ticks(site) != before)
    site.click("[name=log-x]")
    assert site.state == ""
    site.until(lambda: ticks(site) == before)


def ticks(site: Site) -> list[str]:
    labels = "document.querySelectorAll('.scatter .role-axis-label text')"
    return site.run(f"return Array.from({labels}, each => each.textContent)")


def test_a_logarithmic_axis_has_round_labels_and_each_decade_has_its_own(own: Site) -> None:
    own.open("#page=growth")
    own.drawn()
    axis = own.one(".lines .role-axis:has(.role-axis-label text[text-anchor=middle])")
    labels = [each.text for each in axis.find_elements("css selector", ".role-axis-label text")]
    shown = [text for text in labels if text]
    assert {text.strip("0.,") for text in shown} <= {"1", "2", "5"}
    assert {"1,000,000", "10,000,000"} <= {*shown}


def test_goals_are_lines_of_the_curves(site: Site) -> None:
    site.drawn()
    labels = [each.text for each in site.all(".plot.lines svg .mark-text text")]
    assert any("0.915" in label for label in labels)


def test_without_figures_there_are_no_empty_axes_but_a_sentence(site: Site) -> None:
    site.drawn()
    site.find("triton")
    site.until(lambda: not any(each.is_displayed() for each in site.all(".plot")))
    assert {each.text for each in site.all("figcaption")} == {
        "No row that is shown has these figures."
    }
    site.find("")
    site.until(lambda: all(each.is_displayed() for each in site.all(".plot")))
    site.drawn()
    assert site.all(SYMBOLS)


def test_what_a_chart_draws_grows_with_the_text_of_the_page(site: Site) -> None:
    def ratio(width: int) -> float:
        site.open("", width=width, height=900)
        site.drawn()
        return site.run("""
            const size = element => parseFloat(getComputedStyle(element).fontSize);
            const names = ".scatter svg .mark-text:not([class*=role-axis]) text";
            const name = document.querySelector(names);
            return size(name) / size(document.documentElement);
        """)

    assert ratio(3840) == pytest.approx(ratio(1280), rel=0.05)


def test_a_click_on_a_point_opens_its_row(site: Site) -> None:
    site.drawn()
    site.all(SYMBOLS)[0].click()
    site.until(lambda: site.all(".details"))
    assert site.state.startswith("row=")


@pytest.mark.parametrize("page", ["growth", "cuda", "published", "searches"])
def test_every_other_page_has_a_chart_and_tables(own: Site, page: str) -> None:
    own.open(f"#page={page}")
    own.drawn()
    assert own.all(".plot svg path")
    assert own.all("main table tbody tr")
    assert own.one(f"#pages [data-page={page}]").get_attribute("aria-current") == "page"


def test_the_answer_stands_before_anything_to_be_filtered(own: Site) -> None:
    own.open()
    answer, table = own.one(".answer"), own.one(".of-table")
    assert "Where time counts" in answer.text
    assert answer.rect["y"] < table.rect["y"] < 900
    own.drawn()
    assert own.one(".scatter").rect["y"] < 900, "all on the first screen"
