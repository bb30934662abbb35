"""Files as shops export them, made here: the marketplaces' own column lists, rows of invented people."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook


def listed(names: str) -> list[str]:
    return names.split(",")


ORDER_HEADER = listed(
    "订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,买家支付积分,总金额,返点积分,买家实际支付金额,"
    "买家实际支付积分,订单状态,买家留言,收货人姓名,收货地址,运送方式,联系电话,联系手机,订单创建时间,订单付款时间,"
    "宝贝标题,宝贝种类,物流单号,物流公司,订单备注,宝贝总数量,店铺Id,店铺名称,订单关闭原因,卖家服务费,买家服务费,"
    "发票抬头,是否手机订单,分阶段订单信息,特权订金订单id,定金排名,修改后的sku,修改后的收货地址,异常信息,天猫卡券抵扣,"
    "集分宝抵扣,是否是O2O交易,退款金额,打款商家金额"
)
"""The order report with all its columns."""

LINE_HEADER = listed(
    "订单编号,标题,价格,购买数量,外部系统编号,商品属性,套餐信息,备注,订单状态,商家编码,支付单号,买家应付货款,"
    "买家实际支付金额,退款状态,退款金额,订单创建时间,订单付款时间"
)

SHOPIFY_HEADER = listed(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,Accepts Marketing,Currency,Subtotal,"
    "Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,Lineitem taxable,"
    "Lineitem fulfillment status,Billing Name,Billing City,Billing Province,Billing Phone,Shipping Name,"
    "Shipping City,Shipping Province,Shipping Phone,Notes,Note Attributes,Cancelled at,Payment Method,"
    "Payment Reference,Refunded Amount,Vendor,Id,Tags,Risk Level,Source,Lineitem discount,Phone"
)

ORDER = {
    "订单编号": '="1930679858170647"',
    "买家会员名": "t**8",
    "买家应付货款": "590.00",
    "买家应付邮费": "8.00",
    "总金额": "598.00",
    "买家实际支付金额": "598.00",
    "买家实际支付积分": "0",
    "订单状态": "交易成功",
    "收货人姓名": "王**",
    "收货地址": "吉林省 通化市 柳河县 某某镇某街(135300)",
    "联系手机": "'186****0000",
    "订单创建时间": "2016-05-23 22:02:31",
    "订单付款时间": "2016-05-23 22:03:02",
    "宝贝标题": "连衣裙，帽子",
    "宝贝种类": "2",
    "宝贝总数量": "3",
    "店铺名称": "某某旗舰店",
    "订单关闭原因": "订单未关闭",
    "买家服务费": "0元",
    "是否手机订单": "手机订单",
    "退款金额": "0.00",
    "打款商家金额": "598.00元",
}

LINE = {
    "订单编号": '="1930679858170647"',
    "标题": "连衣裙",
    "价格": "295.00",
    "购买数量": "2",
    "外部系统编号": "DRESS-1",
    "商品属性": "颜色分类:白;尺码:M",
    "订单状态": "交易成功",
    "商家编码": "DRESS-1-M",
    "买家实际支付金额": "590.00",
}

SHOPIFY_ORDER = {
    "Name": "#1001",
    "Email": "Ann@Example.com",
    "Financial Status": "paid",
    "Paid at": "2023-01-05 10:00:05 +0800",
    "Fulfillment Status": "fulfilled",
    "Fulfilled at": "2023-01-06 09:00:00 +0800",
    "Accepts Marketing": "yes",
    "Currency": "CNY",
    "Subtotal": "90.00",
    "Shipping": "8.00",
    "Taxes": "0.00",
    "Total": "98.00",
    "Discount Code": "TEA10",
    "Discount Amount": "10.00",
    "Created at": "2023-01-05 10:00:00 +0800",
    "Lineitem quantity": "2",
    "Lineitem name": "Green tea - 100 g",
    "Lineitem price": "40.00",
    "Lineitem sku": "TEA-100",
    "Billing Name": "Ann Lee",
    "Shipping City": "Hangzhou",
    "Shipping Province": "ZJ",
    "Payment Method": "Shopify Payments",
    "Source": "web",
}


def order(**changes: str) -> dict[str, str]:
    return {**ORDER, **changes}


def line(**changes: str) -> dict[str, str]:
    return {**LINE, **changes}


def shopify(**changes: str) -> dict[str, str]:
    """This function will make a row; spaces of column names are written as underscores."""
    return {**SHOPIFY_ORDER, **{name.replace("_", " "): text for name, text in changes.items()}}


def csv_text(header: Sequence[str], rows: Sequence[dict[str, str]], *, delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, header, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(
    path: Path, header: Sequence[str], rows: Sequence[dict[str, str]], *, encoding: str = "gb18030", delimiter: str = ","
) -> Path:
    path.write_bytes(csv_text(header, rows, delimiter=delimiter).encode(encoding))
    return path


def write_xlsx(path: Path, sheets: dict[str, Sequence[Sequence[object]]]) -> Path:
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def order_report(folder: Path, *rows: dict[str, str], **how: str) -> Path:
    return write_csv(folder / "ExportOrderList.csv", ORDER_HEADER, rows or [ORDER], **how)


def line_report(folder: Path, *rows: dict[str, str], **how: str) -> Path:
    return write_csv(folder / "ExportOrderDetailList.csv", LINE_HEADER, rows or [LINE], **how)


def shopify_file(folder: Path, *rows: dict[str, str], **how: str) -> Path:
    how.setdefault("encoding", "utf-8")
    return write_csv(folder / "orders_export_1.csv", SHOPIFY_HEADER, rows or [SHOPIFY_ORDER], **how)
