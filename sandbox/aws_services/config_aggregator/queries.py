"""Advanced queries: the subset of SQL's SELECT that AWS Config documents, and two operators more.

    SELECT property [, ...] [WHERE condition] [GROUP BY property [, ...]]
    [ORDER BY property [ASC | DESC] [, ...]]

Sources: Config Developer Guide, "Query Components" and "Querying the Current Configuration State of AWS Resources"
(Limitations). What those pages do not have is refused here, although AWS may take some of it, so that a query which
passes here is a query that AWS documents. The two more: `<=` and `>=`, which `BETWEEN` includes.

- Comparisons: `=`, `<`, `>`, `<=`, `>=`, `IN (...)`, `BETWEEN ... AND ...`, `LIKE`. To negate one, write NOT before it.
- Logic: NOT binds closest, then AND, then OR; parentheses.
- LIKE takes `%` and `_` at the end of the text only, after at least three characters; both are wildcards anywhere.
- Keywords are taken in any case, property names as they are written.
- A property is sorted by only when it is selected ("output properties").
- Of the aggregate functions, `COUNT(*)` is served; the others are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .conditions import COMPARISONS, And, Between, Comparison, Condition, Everything, In, Like, Not, Or
from .tokens import ExpressionError, Token, tokens
from .values import Literal, Path

Part = TypeVar("Part")

COUNT = "COUNT(*)"
MAX_GROUPING = 3
MAX_DEPTH = 50
MIN_LIKE_PREFIX = 3

# What `SELECT *` selects: "only the top-level, scalar properties".
SCALARS = (
    "accountId",
    "awsRegion",
    "arn",
    "availabilityZone",
    "configurationItemCaptureTime",
    "resourceCreationTime",
    "resourceId",
    "resourceName",
    "resourceType",
    "version",
)
PROPERTIES = frozenset(
    (
        *SCALARS,
        "configuration",
        "configurationItemStatus",
        "configurationStateId",
        "relationships",
        "supplementaryConfiguration",
        "tags",
    )
)

_UNSUPPORTED = ("ALL", "AS", "DISTINCT", "FROM", "HAVING", "JOIN", "UNION")
_OTHER_FUNCTIONS = ("AVG", "MAX", "MIN", "SUM")
_CLAUSES = ("SELECT", "WHERE", "GROUP", "ORDER", "BY", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "ASC", "DESC")


@dataclass(frozen=True)
class Order:
    name: str
    descending: bool


@dataclass(frozen=True)
class Query:
    """What to select from which items. Names are those of properties, or `COUNT(*)`."""

    names: tuple[str, ...]
    condition: Condition
    group_by: tuple[str, ...]
    order_by: tuple[Order, ...]

    @property
    def counts(self) -> bool:
        return COUNT in self.names

    @property
    def orders_by_count(self) -> bool:
        return any(order.name == COUNT for order in self.order_by)


def path_of(name: str) -> Path:
    return tuple(name.split("."))


def parse(expression: str) -> Query:
    """The query that an expression says; `ExpressionError` says what is wrong with it, and where."""
    return _Parser(list(tokens(expression))).query()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._position = 0
        self._depth = 0

    def query(self) -> Query:
        self._expect("SELECT")
        selected = self._list(self._selected)
        condition = self._condition() if self._take("WHERE") else Everything()
        group_by = self._group_by()
        order_by = self._order_by()
        if self._here.kind != "end":
            raise self._refusal("expected AND, OR, GROUP BY, ORDER BY or the end")
        names = self._names(selected)
        self._check_grouping(selected, names, group_by)
        self._check_order(order_by, names, group_by)
        return Query(
            names,
            condition,
            tuple(token.text for token in group_by),
            tuple(order for _, order in order_by),
        )

    # Clauses

    def _selected(self) -> tuple[Token, str]:
        token = self._here
        if self._take("*"):
            return token, "*"
        return token, self._count() or self._property().text

    def _group_by(self) -> list[Token]:
        if not self._take("GROUP"):
            return []
        self._expect("BY")
        return self._list(self._property)

    def _order_by(self) -> list[tuple[Token, Order]]:
        if not self._take("ORDER"):
            return []
        self._expect("BY")
        return self._list(self._order)

    def _order(self) -> tuple[Token, Order]:
        token = self._here
        name = self._count() or self._property().text
        descending = not self._take("ASC") and self._take("DESC")
        return token, Order(name, descending)

    def _count(self) -> str:
        """`COUNT(*)` when that is what stands here, else nothing."""
        if self._next.text != "(" or self._here.kind != "word":
            return ""
        function = self._advance()
        if function.keyword in _OTHER_FUNCTIONS:
            raise function.error(f"{function.keyword} is an aggregate function of AWS that the sandbox does not serve")
        if function.keyword != "COUNT":
            raise function.error(f"{function.text} is no function")
        self._expect("(")
        self._expect("*")
        self._expect(")")
        return COUNT

    # Checks across clauses

    def _names(self, selected: list[tuple[Token, str]]) -> tuple[str, ...]:
        for token, name in selected:
            if name == "*" and len(selected) > 1:
                raise token.error("* stands alone")
        return SCALARS if selected[0][1] == "*" else tuple(name for _, name in selected)

    def _check_grouping(self, selected: list[tuple[Token, str]], names: tuple[str, ...], group_by: list[Token]) -> None:
        grouped = [token.text for token in group_by]
        if group_by and COUNT not in names:
            raise group_by[0].error(f"GROUP BY needs an aggregate function, such as {COUNT}, in SELECT")
        if len(group_by) > MAX_GROUPING:
            raise group_by[MAX_GROUPING].error(f"GROUP BY takes up to {MAX_GROUPING} properties")
        for token, name in selected:
            if COUNT in names and name not in (COUNT, *grouped):
                raise token.error(f"{name} is beside an aggregate function and not in GROUP BY")

    def _check_order(self, order_by: list[tuple[Token, Order]], names: tuple[str, ...], group_by: list[Token]) -> None:
        for token, order in order_by:
            if order.name not in names:
                raise token.error(f"ORDER BY takes selected properties only, and {order.name} is not one")
            if order.name == COUNT and len(group_by) > 1:
                raise token.error("ORDER BY takes an aggregate function with one property in GROUP BY only")

    # Conditions

    def _condition(self) -> Condition:
        conditions = [self._conjunction()]
        while self._take("OR"):
            conditions.append(self._conjunction())
        return conditions[0] if len(conditions) == 1 else Or(tuple(conditions))

    def _conjunction(self) -> Condition:
        conditions = [self._negation()]
        while self._take("AND"):
            conditions.append(self._negation())
        return conditions[0] if len(conditions) == 1 else And(tuple(conditions))

    def _negation(self) -> Condition:
        if self._here.keyword not in ("NOT", "("):
            return self._comparison()
        if self._depth == MAX_DEPTH:
            raise self._here.error(f"conditions are nested more than {MAX_DEPTH} deep")
        self._depth += 1
        if self._take("NOT"):
            condition: Condition = Not(self._negation())
        else:
            self._expect("(")
            condition = self._condition()
            self._expect(")")
        self._depth -= 1
        return condition

    def _comparison(self) -> Condition:
        path = path_of(self._property().text)
        operator = self._advance()
        if operator.text in COMPARISONS:
            return Comparison(path, operator.text, self._value())
        if operator.keyword == "IN":
            self._expect("(")
            values = self._list(self._value)
            self._expect(")")
            return In(path, tuple(values))
        if operator.keyword == "BETWEEN":
            low = self._value()
            self._expect("AND")
            return Between(path, low, self._value())
        if operator.keyword == "LIKE":
            return self._like(path)
        raise operator.error(_operator_complaint(operator))

    def _like(self, path: Path) -> Condition:
        token = self._here
        pattern = self._value()
        if not isinstance(pattern, str):
            raise token.error("LIKE takes a text")
        prefix = pattern.rstrip("%_")
        wildcards = pattern[len(prefix) :]
        if "%" in prefix or "_" in prefix:
            raise token.error("LIKE takes the wildcards % and _ at the end of the text only")
        if wildcards and len(prefix) < MIN_LIKE_PREFIX:
            raise token.error(f"LIKE takes a wildcard after at least {MIN_LIKE_PREFIX} characters")
        return Like(path, prefix, wildcards)

    # Words

    def _property(self) -> Token:
        token = self._here
        if token.kind == "text":
            raise token.error(f"expected a property, which is written without quotes, and found {token.text}")
        if token.kind != "word" or token.keyword in _CLAUSES:
            raise self._refusal("expected a property")
        if path_of(token.text)[0] not in PROPERTIES:
            raise self._refusal(f"{token.text} is no property of a configuration item", names_it=True)
        return self._advance()

    def _value(self) -> Literal:
        token = self._here
        if token.keyword == "NULL":
            raise token.error("NULL is not supported")
        if token.keyword == "SELECT":
            raise token.error("sub-queries are not supported")
        if token.kind in ("text", "number") or token.keyword in ("TRUE", "FALSE"):
            return self._advance().value
        raise self._refusal("expected a text in single quotes, a number, true or false")

    def _list(self, read: Callable[[], Part]) -> list[Part]:
        parts = [read()]
        while self._take(","):
            parts.append(read())
        return parts

    @property
    def _here(self) -> Token:
        return self._tokens[self._position]

    @property
    def _next(self) -> Token:
        return self._tokens[min(self._position + 1, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self._here
        if token.kind != "end":
            self._position += 1
        return token

    def _take(self, keyword: str) -> bool:
        if self._here.keyword != keyword:
            return False
        self._position += 1
        return True

    def _expect(self, keyword: str) -> None:
        if not self._take(keyword):
            raise self._refusal(f"expected {keyword}")

    def _refusal(self, complaint: str, *, names_it: bool = False) -> ExpressionError:
        token = self._here
        if token.keyword in _UNSUPPORTED:
            return token.error(f"{token.keyword} is not supported")
        return token.error(complaint if names_it else f"{complaint}, found {token.shown}")


def _operator_complaint(operator: Token) -> str:
    if operator.text in ("!=", "<>"):
        return f"{operator.text} is not documented by AWS; write NOT before the property, and ="
    if operator.keyword == "NOT":
        return "NOT goes before the property"
    if operator.keyword == "IS":
        return "NULL is not supported, nor is IS"
    return f"expected =, <, >, IN, BETWEEN or LIKE, found {operator.shown}"
