"""The same tags in the templates of Jinja, Flask and Django, asked of the real frameworks."""

from __future__ import annotations

from typing import Any

import flask
import jinja2
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from django.template import Context
from django.template import Template
from django.test import override_settings

from origin.client import Images
from origin.client import jinja
from origin.client.flask import ImageOrigin
from origin.client.settings import read_settings
from tests.support import django_site
from tests.support.signing import KEY
from tests.support.tags import read_tag

SETTINGS = django_site.IMAGE_ORIGIN
CAT = "https://img.example.com/photos/cat.jpg"
PLAIN = Images("https://img.example.com", "photos")
SIGNED = Images("https://img.example.com", "photos", [KEY])
TAG = PLAIN.img("cat.jpg", alt='"A" <cat>', w=300, h=200)


def in_jinja(text: str, autoescape: bool = True, **names: Any) -> str:
    env = jinja2.Environment(autoescape=autoescape)
    jinja.install(env, PLAIN)
    return env.from_string(text).render(**names)


def test_jinja() -> None:
    assert in_jinja("""{{ img("cat.jpg", alt='"A" <cat>', w=300, h=200) }}""") == TAG
    assert in_jinja("{{ img(key, alt=alt, w=300, h=200) }}", key="cat.jpg", alt='"A" <cat>') == TAG
    assert in_jinja("{{ img('cat.jpg', alt='\"A\" <cat>', w=300, h=200) }}", autoescape=False) == TAG
    assert in_jinja("{{ picture('cat.jpg', alt='') }}") == PLAIN.picture("cat.jpg", alt="")
    assert in_jinja("{{ image_url('cat.jpg', w=3, h=2) }}") == f"{CAT}?w=3&amp;h=2"
    assert in_jinja("{{ image_srcset('cat.jpg', widths=[3]) }}") == f"{CAT}?w=3 3w"
    assert "&lt;b&gt;<img" in in_jinja("{{ '<b>' ~ img('cat.jpg', alt='') }}")
    with pytest.raises(TypeError, match="did you mean height"):
        in_jinja("{{ image_url('cat.jpg', hight=3) }}")


@pytest.mark.parametrize("late", [False, True])
def test_flask(late: bool) -> None:
    app = flask.Flask(__name__)
    app.config["IMAGE_ORIGIN"] = SETTINGS
    if late:
        ImageOrigin().init_app(app)
    else:
        ImageOrigin(app)

    @app.get("/")
    def page() -> str:
        return flask.render_template_string("{{ img('cat.jpg', alt=alt, w=300, h=200) }}", alt='"A" <cat>')

    assert app.test_client().get("/").text == TAG
    assert app.extensions["image_origin"].url("cat.jpg") == CAT


def test_flask_without_the_setting_does_not_start() -> None:
    with pytest.raises(ValueError, match=r"^IMAGE_ORIGIN: expected \{.base_url.: "):
        ImageOrigin(flask.Flask(__name__))


@pytest.fixture(scope="module", autouse=True)
def _django() -> None:
    django_site.set_up()


def in_django(text: str, **names: Any) -> str:
    return str(Template("{% load image_origin %}" + text).render(Context(names)))


def test_django() -> None:
    assert in_django("""{% img "cat.jpg" w=300 h=200 alt='"A" <cat>' %}""") == TAG
    assert in_django("{% img key w=300 h=200 alt=alt %}", key="cat.jpg", alt='"A" <cat>') == TAG
    assert in_django("{% picture 'cat.jpg' alt='' %}") == PLAIN.picture("cat.jpg", alt="")
    assert in_django("{% image_url 'cat.jpg' w=3 h=2 %}") == f"{CAT}?w=3&amp;h=2"
    assert in_django("{% image_srcset 'cat.jpg' widths='3,6' %}") == f"{CAT}?w=3 3w, {CAT}?w=6 6w"
    assert in_django("{% image_url 'cat.jpg' w=3 as hero %}<{{ hero }}>") == f"<{CAT}?w=3>"
    assert in_django("{% img 'cat.jpg' alt='' w=3 as tag %}{{ tag }}") == PLAIN.img("cat.jpg", alt="", w=3)
    for picture in ("img", "picture"):  # a text that waits for its language
        translated = in_django(f"{{% {picture} 'cat.jpg' alt=_('A cat') title=_('Cats') %}}")
        assert translated == getattr(PLAIN, picture)("cat.jpg", alt="A cat", title="Cats")
    tag = read_tag(in_django("{% img 'cat.jpg' alt='' widths='300 600' sizes='50vw' class='hero' c=False %}"))
    assert (tag["sizes"], tag["class"]) == ("50vw", "hero")
    assert tag["srcset"] == f"{CAT}?w=300&c=false 300w, {CAT}?w=600&c=false 600w"
    with pytest.raises(TypeError, match="did you mean height"):
        in_django("{% img 'cat.jpg' alt='' hight=3 %}")


def test_a_file_of_a_django_model_is_its_name_in_the_storage() -> None:
    text = "{% load image_origin %}{% image_url photo w=3 %} {% image_srcset photo widths=300 %}"
    photo = FieldFile(None, FileField(), "users/my cat.jpg")
    url = "https://img.example.com/photos/users/my%20cat.jpg"
    assert Template(text).render(Context({"photo": photo})) == f"{url}?w=3 {url}?w=300 300w"
    with pytest.raises(ValueError, match="a key has at least one character"):
        Template(text).render(Context({"photo": FieldFile(None, FileField(), None)}))


def test_a_setting_of_django_may_be_overridden() -> None:
    with override_settings(IMAGE_ORIGIN={**SETTINGS, "keys": [KEY]}):
        assert in_django(
            "{% autoescape off %}{% image_url 'cat.jpg' w=3 %}{% endautoescape %}"
        ) == SIGNED.url("cat.jpg", w=3)
    assert in_django("{% image_url 'cat.jpg' %}") == CAT
    with (
        override_settings(IMAGE_ORIGIN=None),
        pytest.raises(ImproperlyConfigured, match=r"^IMAGE_ORIGIN: expected"),
    ):
        in_django("{% image_url 'cat.jpg' %}")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, 'IMAGE_ORIGIN: expected {"base_url": …, "prefix": …}, got NoneType'),
        ({"base_url": "https://a.example"}, "IMAGE_ORIGIN: prefix is missing"),
        ({**SETTINGS, "key": [KEY]}, "IMAGE_ORIGIN: 'key' is unknown; did you mean keys?"),
        (
            {**SETTINGS, "x": 1},
            "IMAGE_ORIGIN: 'x' is unknown; it takes base_url, prefix, keys, grant, patience",
        ),
        ({**SETTINGS, "keys": ["short"]}, "IMAGE_ORIGIN: a signing key has fewer than 32 characters"),
        ({**SETTINGS, "keys": [KEY, None]}, "IMAGE_ORIGIN: a signing key is no text: is its environment"),
        ({"base_url": None, "prefix": "p"}, "IMAGE_ORIGIN: base_url: expected a text, got None"),
        ({**SETTINGS, "keys": KEY}, "IMAGE_ORIGIN: signing needs a list of at least one key"),
        ({"base_url": "https://a.example?x", "prefix": "p"}, "IMAGE_ORIGIN: a base URL ends with its path"),
    ],
)
def test_a_wrong_setting_says_what_is_wrong(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match="IMAGE_ORIGIN") as caught:
        read_settings(given)
    assert str(caught.value).startswith(message)
    assert KEY not in str(caught.value)
