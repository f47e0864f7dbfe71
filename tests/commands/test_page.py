"""The page of a report."""

import base64
import math
from dataclasses import replace

from lr_lightning.commands.page import Picture, Report, Section, render

PNG = b"\x89PNG no picture"
SECTION = Section(
    name="response_matrix",
    summary="Which latents answer",
    interpretations=["2 of 3 latents are active.", "They are <b>few</b>."],
    pictures=[Picture('The "matrix" & its graph', PNG)],
    scalars={"independence": math.nan, "active_latents": 2.0},
    tables={"table": (["intervened", "known", "never known"], [["0", 0.5, math.nan], ["1", math.nan, math.nan]])},
    arrays="assays/response_matrix.npz",
    seconds=1.25,
)
REPORT = Report(
    "Assays of <run>", {"Model": "BetaVAE"}, ["CDS is within chance."], ["dynamics was skipped."], [SECTION]
)


def test_texts_are_escaped_and_pictures_embedded() -> None:
    page = render(REPORT)
    assert "<title>Assays of &lt;run&gt;</title>" in page
    assert "They are &lt;b&gt;few&lt;/b&gt;." in page
    assert 'alt="The &quot;matrix&quot; &amp; its graph"' in page
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}"' in page


def test_links_to_further_pages_are_escaped() -> None:
    page = render(replace(REPORT, sections=[replace(SECTION, links={"Open <it>": 'pages/a "b".html'})]))
    assert '<a href="pages/a%20%22b%22.html">Open &lt;it&gt;</a>' in page


def test_warnings_come_first_then_notes_then_sections() -> None:
    page = render(REPORT)
    texts = ("CDS is within chance.", "dynamics was skipped.", "At a glance", '<section id="response_matrix">')
    places = [page.index(text) for text in texts]
    assert places == sorted(places)


def test_no_warning_is_no_proof() -> None:
    page = render(replace(REPORT, warnings=[], notes=[]))
    assert "not prove them right" in page
    assert "All runs are done." in render(replace(REPORT, warnings=[], fine="All runs are done."))
    assert "<h2>Warnings</h2>" not in page
    assert "<h2>Notes</h2>" not in page


def test_the_first_reading_of_each_section_is_on_top() -> None:
    page = render(replace(REPORT, sections=[SECTION, replace(SECTION, name="dynamics", interpretations=[])]))
    glance = page[page.index("At a glance") : page.index("<nav>")]
    assert '<a href="#response_matrix">Response matrix</a>: 2 of 3 latents are active.' in glance
    assert "few" not in glance
    assert "Dynamics" not in glance
    assert '<a href="#dynamics">Dynamics</a>' in page


def test_undefined_scalars_and_empty_columns() -> None:
    page = render(REPORT)
    assert "<tr><td>independence</td><td>undefined</td></tr>" in page
    assert '<tr><td>active_latents</td><td class="number">2</td></tr>' in page
    assert "<th>known</th>" in page
    assert "never known" not in page
    assert '<tr><td>1</td><td class="number"></td></tr>' in page


def test_long_lists_and_many_pictures_are_compact() -> None:
    assert "<details open><summary>Scalars" in render(REPORT)
    assert '<div class="pictures">' in render(REPORT)
    long = replace(SECTION, scalars={str(index): 0.0 for index in range(20)}, pictures=[Picture("a", PNG)] * 5)
    page = render(replace(REPORT, sections=[long]))
    assert "<details><summary>Scalars" in page
    assert '<div class="pictures many">' in page
    assert '<div class="pictures many">' not in render(replace(REPORT, sections=[replace(long, wide=True)]))


def test_a_section_may_be_nearly_empty() -> None:
    page = render(replace(REPORT, sections=[Section("mine", "MyAssay")]))
    assert "MyAssay." in page
    assert "All numbers" not in page
    assert "At a glance" not in page
