"""Tiers of Chinese cities as the trade uses them.

Source: Yicai / New First-tier City Research Institute, ranking of cities by commercial attractiveness, 2024: 4 first-tier,
15 new first-tier and 30 second-tier cities. All other cities are third-tier or below.
"""

from __future__ import annotations

FIRST = frozenset(("北京", "上海", "广州", "深圳"))
NEW_FIRST = frozenset(
    ("成都", "杭州", "重庆", "苏州", "武汉", "西安", "南京", "长沙", "天津", "郑州", "东莞", "无锡", "宁波", "青岛", "合肥")
)
SECOND = frozenset(
    (
        *(
            "佛山",
            "沈阳",
            "昆明",
            "济南",
            "厦门",
            "福州",
            "温州",
            "常州",
            "大连",
            "石家庄",
            "南宁",
            "哈尔滨",
            "金华",
            "南昌",
        ),
        *("长春", "南通", "泉州", "贵阳", "嘉兴", "太原", "惠州", "徐州", "绍兴", "中山", "台州", "烟台", "珠海", "保定"),
        *("潍坊", "兰州"),
    )
)


def tier_of(city: str) -> str:
    """This function will return the tier of a city by its Chinese name: first, new_first, second, other; empty if unknown.

    A name in another script says nothing about the tier: it is not known.
    """
    name = city.strip().removesuffix("市")
    if not name or not all("一" <= character <= "鿿" for character in name):
        return ""
    for tier, cities in (("first", FIRST), ("new_first", NEW_FIRST), ("second", SECOND)):
        if name in cities:
            return tier
    return "other"
