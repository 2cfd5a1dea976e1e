from .akpinar2019 import akpinar2019 as akpinar2019
from .chen2020 import chen2020 as chen2020
from .cheng2024 import cheng2024 as cheng2024
from .joukovsky2021 import joukovsky2021 as joukovsky2021
from .maurer_pontil import maurer_pontil as maurer_pontil
from .occam import occam as occam
from .pac_bayes_kl import pac_bayes_kl as pac_bayes_kl
from .parameter_count import parameter_count as parameter_count
from .pick_to_learn import pick_to_learn as pick_to_learn
from .problem import Problem as Problem
from .test_set_binomial import test_set_binomial as test_set_binomial
from .tu2020 import tu2020 as tu2020
from .zhang2018 import zhang2018 as zhang2018

__all__ = [
    "Problem",
    "akpinar2019",
    "chen2020",
    "cheng2024",
    "joukovsky2021",
    "maurer_pontil",
    "occam",
    "pac_bayes_kl",
    "parameter_count",
    "pick_to_learn",
    "test_set_binomial",
    "tu2020",
    "zhang2018",
]
