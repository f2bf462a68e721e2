"""The report of an evaluation: one folder with a page and its clips, which needs no server and no network."""

from mcproxy.eval.report.page import write as write
