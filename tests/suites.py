"""跑一个功能套件，只要用例的结局。"""

from contextlib import closing

from rayeval.domain.functional import CaseResult
from rayeval.functional import runner


def run_suite(task):
    """各用例的结局，随到随给；收齐的个数不要。"""
    with closing(runner.run_suite(task)) as said:
        yield from (each for each in said if isinstance(each, CaseResult))
