"""The grammar of row names."""

import pytest

from asgn.errors import VariantError
from asgn.variants import Variant, nearest_name

BASES = ["SNLE", "R+LSTM", "D+LSTM", "D+RMI", "R+RMI", "M+LSTM", "M+RMI", "N+LSTM", "MN+RMI", "V+LSTM", "V+RMI"]
ENDINGS = ["", "+AT", "+SE", "+SE+AT", "+DE", "+DE+AT", "+DE+SE", "+DE+SE+AT", "+DCRF", "+DE+SE+AT+DCRF"]
TABLE_III = [
    "conv1",
    "conv2",
    "conv3",
    "conv1,conv2,conv3",
    "conv4,conv5",
    "conv2,conv3,conv4,conv5",
    "conv1,conv2,conv3,conv4,conv5",
]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("base", BASES)
def test_rows_of_tables_1_and_2_parse_and_print_back(base: str, ending: str) -> None:
    assert str(Variant.parse(base + ending)) == base + ending


@pytest.mark.parametrize("layers", TABLE_III)
def test_rows_of_table_3_parse_and_print_back(layers: str) -> None:
    variant = Variant.parse(f"R+LSTM+DE({layers})")
    assert variant.detail == tuple(layers.split(","))
    assert str(variant) == f"R+LSTM+DE({layers})"


def test_bare_de_means_conv3_to_conv5() -> None:
    assert Variant.parse("R+LSTM+DE") == Variant.parse("R+LSTM+DE(conv5,conv3,conv4)")


@pytest.mark.parametrize(
    "name",
    ["", "R", "R+GRU", "X+LSTM", "NM+LSTM", "R+LSTM+DE()", "R+LSTM+DE(conv6)", "R+LSTM+DE(conv1,conv1)", "SNLE+RMI"],
)
def test_a_wrong_name_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(VariantError) as caught:
        Variant.parse(name)
    assert "\n" not in str(caught.value)
    assert "did you mean" in str(caught.value)


def test_the_nearest_name_is_near() -> None:
    assert nearest_name("r+lstm+de+se+ta") == "R+LSTM+DE+SE+AT"
    assert nearest_name("D+RMI+CRF") == "D+RMI+DCRF"


def test_dense_crf_shares_the_checkpoint() -> None:
    assert str(Variant.parse("D+RMI+DE+SE+AT+DCRF").without_densecrf()) == "D+RMI+DE+SE+AT"
