"""Rows that all tests of a class only read, made once."""

from copy import deepcopy

import pytest

from tests.conftest import Cast, MadeOnce, make_cast


class OverOneHistory:
    """A class of tests whose `cast` has what `fill` makes: there at the class's first test, and gone after its last."""

    @staticmethod
    def fill(cast: Cast) -> None:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def people(cls, made_for_class: MadeOnce) -> Cast:
        def make() -> Cast:
            cast = make_cast()
            cls.fill(cast)
            return cast

        found: Cast = made_for_class(make)
        return found

    @pytest.fixture
    def cast(self, db: None, people: Cast) -> Cast:
        return deepcopy(people)
