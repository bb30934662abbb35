"""The columns and words of Taobao's and Tmall's reports, of all years that we know: what differs stands in these tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from members.models import OrderStatus, RefundReason


@dataclass(frozen=True)
class ColumnNames:
    """Our name of each column and the names that the reports give it. `also` are known columns of which nothing is read."""

    names: Mapping[str, tuple[str, ...]]
    also: frozenset[str] = frozenset()

    @cached_property
    def by_column(self) -> Mapping[str, str]:
        return {column: name for name, columns in self.names.items() for column in columns}

    def of(self, header: Sequence[str]) -> list[str]:
        """This function will return our names of a header's columns, empty for those of which nothing is read."""
        return [self.by_column.get(plain(column), "") for column in header]

    def known(self, header: Sequence[str]) -> float:
        """This function will return the share of a header's columns that such a report has."""
        named = [plain(column) for column in header if column.strip()]
        return sum(name in self.by_column or name in self.also for name in named) / len(named) if named else 0.0

    def written(self, header: Sequence[str]) -> dict[str, str]:
        """This function will return how the file writes each of our columns; the first that stands there counts."""
        return {name: column for column, name in reversed([*zip(header, self.of(header), strict=True)]) if name}


def plain(column: str) -> str:
    """Brackets and blanks differ from export to export: 买家实际支付金额（元）."""
    return column.replace("（", "(").replace("）", ")").replace(" ", "").removesuffix("(元)").strip("\ufeff'\"= \t")


def listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


ORDER_COLUMNS = ColumnNames(
    {
        "order": ("订单编号", "主订单编号", "订单号", "交易编号"),
        "nick": ("买家会员名", "买家昵称", "买家旺旺", "会员名", "买家会员昵称", "买家"),
        "goods": ("买家应付货款", "应付货款"),
        "postage": ("买家应付邮费", "应付邮费", "邮费"),
        "sum": ("总金额", "订单总金额", "订单金额", "应付金额", "买家应付总金额"),
        "paid": ("买家实际支付金额", "实付金额", "买家实付金额", "实际支付金额", "买家实付"),
        "points": ("买家实际支付积分", "积分抵扣", "使用积分"),
        "points_due": ("买家支付积分",),
        "treasure": ("集分宝抵扣",),
        "coupon": ("优惠券", "优惠券抵扣", "店铺优惠券", "优惠金额", "店铺优惠"),
        "tmall_coupon": ("天猫卡券抵扣", "卡券抵扣"),
        "coupon_code": ("优惠券码", "优惠码", "优惠券编号"),
        "status": ("订单状态", "交易状态"),
        "closed": ("订单关闭原因", "关闭原因"),
        "created": ("订单创建时间", "创建时间", "下单时间", "拍下时间"),
        "paid_at": ("订单付款时间", "付款时间", "支付时间"),
        "shipped_at": ("发货时间", "订单发货时间"),
        "completed_at": ("确认收货时间", "交易成功时间", "订单完成时间", "交易完成时间"),
        "refunded": ("退款金额", "订单退款金额"),
        "refunded_at": ("退款时间", "退款完成时间", "退款成功时间"),
        "refund_reason": ("退款原因",),
        "remark": ("订单备注", "卖家备注", "商家备注"),
        "message": ("买家留言", "留言"),
        "note": ("备注",),
        "address": ("收货地址", "收货人地址"),
        "new_address": ("修改后的收货地址",),
        "province": ("省", "省份", "收货省份", "收货人省份"),
        "city": ("市", "城市", "收货城市", "收货人城市"),
        "recipient": ("收货人姓名", "收货人", "收件人"),
        "phone": ("联系手机", "手机", "手机号", "收货人手机", "收货人手机号"),
        "shop": ("店铺名称", "店铺"),
        "mobile": ("是否手机订单", "手机订单"),
        "method": ("支付方式", "付款方式"),
        "titles": ("宝贝标题", "商品标题", "宝贝名称"),
        "kinds": ("宝贝种类", "商品种类"),
        "pieces": ("宝贝总数量", "商品总数量", "宝贝数量"),
    },
    also=listed(
        """
        买家支付宝账号 支付单号 支付宝交易号 返点积分 运送方式 联系电话 物流单号 物流公司 店铺Id 店铺ID 卖家服务费 买家服务费
        发票抬头 分阶段订单信息 特权订金订单id 特权订金订单ID 定金排名 修改后的sku 修改后的SKU 异常信息 是否是O2O交易
        打款商家金额 是否上传合同照片 是否上传小票 是否代付 含应开票给个人的个人红包 新零售交易类型 新零售导购门店名称
        新零售导购门店id 新零售发货门店名称 新零售发货门店id 新零售成交门店名称 新零售成交门店id 支付详情 主动赔付金额
        主动赔付出账时间 应发货时间 备注标签 送货上门 买家备注 旗帜
        """
    ),
)

LINE_COLUMNS = ColumnNames(
    {
        "order": ("主订单编号", "订单编号", "订单号"),
        "line": ("子订单编号",),
        "title": ("标题", "商品标题", "宝贝标题"),
        "price": ("价格", "商品价格", "单价", "宝贝单价"),
        "quantity": ("购买数量", "商品数量", "数量"),
        "product": ("外部系统编号", "货号", "商品编码", "商品ID", "宝贝ID"),
        "merchant": ("商家编码", "SKU编码"),
        "variant": ("商品属性", "SKU属性", "规格"),
        "due": ("买家应付货款", "应付货款"),
        "amount": ("买家实际支付金额", "实付金额", "买家实付金额"),
        "refund_state": ("退款状态",),
        "refunded": ("退款金额",),
    },
    also=listed("套餐信息 备注 订单状态 支付单号 订单创建时间 订单付款时间 天猫卡券抵扣 优惠金额 发货时间 物流单号"),
)

STATUS: Mapping[str, OrderStatus] = {
    "等待买家付款": OrderStatus.PLACED,
    "买家未付款": OrderStatus.PLACED,
    "待付款": OrderStatus.PLACED,
    "未付款": OrderStatus.PLACED,
    "定金已付尾款未付": OrderStatus.PLACED,
    "买家已付款": OrderStatus.PAID,
    "买家已付款等待卖家发货": OrderStatus.PAID,
    "等待卖家发货": OrderStatus.PAID,
    "待发货": OrderStatus.PAID,
    "已付款": OrderStatus.PAID,
    "卖家部分发货": OrderStatus.SHIPPED,
    "部分发货": OrderStatus.SHIPPED,
    "卖家已发货": OrderStatus.SHIPPED,
    "卖家已发货等待买家确认": OrderStatus.SHIPPED,
    "等待买家确认收货": OrderStatus.SHIPPED,
    "已发货": OrderStatus.SHIPPED,
    "买家已签收": OrderStatus.SHIPPED,
    "交易成功": OrderStatus.COMPLETED,
    "已完成": OrderStatus.COMPLETED,
    "交易完成": OrderStatus.COMPLETED,
    "交易关闭": OrderStatus.CANCELLED,
    "已关闭": OrderStatus.CANCELLED,
    "已取消": OrderStatus.CANCELLED,
    "订单关闭": OrderStatus.CANCELLED,
}

REASONS: tuple[tuple[tuple[str, ...], RefundReason], ...] = (
    (("质量", "破损", "瑕疵", "变质", "假货", "假冒"), RefundReason.QUALITY),
    (("描述", "不符", "尺寸", "大小", "发错"), RefundReason.DESCRIPTION),
    (("物流", "快递", "发货", "未收到", "没收到"), RefundReason.LOGISTICS),
    (("价格", "差价", "贵", "降价"), RefundReason.PRICE),
    (("不想要", "拍错", "多拍", "无理由", "不喜欢", "信息填写错误"), RefundReason.UNWANTED),
)
"""Words within a stated reason, first that is found; what names none of them is «other»."""

REFUND_SUCCEEDED = "退款成功"
NOT_CLOSED = frozenset({"订单未关闭"})
NOTHING = frozenset({"null", "NULL", "None", "--", "-", "无"})
"""What the reports write where there is nothing to write."""

MOBILE: Mapping[str, str] = {
    "手机订单": "mobile",
    "是": "mobile",
    "手机": "mobile",
    "无线": "mobile",
    "否": "web",
    "PC": "web",
}


def status_of(words: str) -> OrderStatus | None:
    """This function will read a status, whatever punctuation the year puts between its parts."""
    return STATUS.get("".join(letter for letter in words if letter.isalnum()))


def reason_of(words: str) -> RefundReason:
    return next((reason for marks, reason in REASONS if any(mark in words for mark in marks)), RefundReason.OTHER)
