"""What people call the columns of their exports, in English and Chinese, and the words they write into them."""

from __future__ import annotations

from collections.abc import Mapping

from members.ingest.connectors.taobao_columns import STATUS as TAOBAO_STATUS
from members.models import OrderStatus


def listed(words: str) -> tuple[str, ...]:
    return tuple(plain(word) for word in words.split("|"))


def plain(word: str) -> str:
    """This function will reduce a column's name to its letters and digits: Order No. and order_no are one."""
    return "".join(letter for letter in word.lower() if letter.isalnum())


ORDER_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "external_id": listed(
        "external_id|order|order id|order no|order number|order code|order ref|"
        "订单编号|订单号|订单ID|单号|交易号|交易编号|销售单号"
    ),
    "member": listed(
        "member|member id|member no|customer|customer id|customer no|customer code|user|user id|buyer|buyer id|client id|"
        "会员|会员编号|会员号|会员ID|会员卡号|会员名|客户|客户编号|客户ID|顾客|顾客编号|用户|用户ID|买家|买家会员名|买家昵称"
    ),
    "placed_at": listed(
        "placed at|placed_at|order date|order time|ordered at|created|created at|date|time|purchase date|transaction date|"
        "下单时间|下单日期|订单时间|订单日期|订单创建时间|创建时间|交易时间|交易日期|购买时间|购买日期|消费时间|日期|时间"
    ),
    "status": listed("status|order status|state|订单状态|交易状态|状态"),
    "total_minor": listed("total_minor|total cents|amount_minor|金额分"),
    "total": listed(
        "total|order total|grand total|total price|total amount|amount|revenue|sales|net amount|order amount|order value|"
        "实付金额|实付款|实付|实收金额|实收|订单金额|订单总额|总金额|总额|金额|成交金额|销售额|消费金额|支付金额"
    ),
    "discount": listed("discount|discount amount|discounts|优惠|优惠金额|折扣|折扣金额|减免|优惠券抵扣|促销优惠"),
    "paid": listed("paid|paid amount|amount paid|payment amount|已付金额|付款金额|买家实付"),
    "points_used": listed("points|points used|points redeemed|积分|使用积分|抵扣积分|积分抵扣"),
    "currency": listed("currency|currency code|币种|货币"),
    "shop": listed("shop|store|shop name|store name|outlet|branch|店铺|店铺名称|门店|门店名称|商店"),
    "payment_method": listed("payment method|payment|payment type|paid by|支付方式|付款方式"),
    "channel": listed("channel|source|sales channel|order source|渠道|来源|订单来源|销售渠道"),
    "coupon_code": listed("coupon|coupon code|voucher|voucher code|promo code|discount code|优惠券|优惠券码|优惠码|券码"),
    "paid_at": listed("paid at|payment date|payment time|付款时间|支付时间|付款日期|支付日期"),
    "shipped_at": listed("shipped at|ship date|shipping date|dispatched at|fulfilled at|发货时间|发货日期"),
    "delivered_at": listed("delivered at|delivery date|签收时间|送达时间"),
    "completed_at": listed("completed at|completion date|closed at|完成时间|确认收货时间|交易完成时间|交易成功时间"),
    "province": listed("province|region|shipping province|省|省份|收货省份"),
    "city": listed("city|town|shipping city|市|城市|收货城市"),
    "address": listed("address|shipping address|delivery address|地址|收货地址|收货人地址"),
    "remark": listed("remark|remarks|note|notes|comment|memo|备注|订单备注|留言|买家留言"),
    "refund": listed("refund|refunded|refund amount|refunded amount|amount refunded|退款|退款金额|退货金额"),
    "refund_reason": listed("refund reason|return reason|退款原因|退货原因"),
    "refund_at": listed("refund date|refund time|refunded at|退款时间|退款日期"),
    "product": listed(
        "product|product code|product id|product no|item|item code|item id|item no|sku code|"
        "商品编码|商品编号|商品ID|商家编码|货号|产品编号"
    ),
    "product_name": listed(
        "product name|item name|product title|title|description|商品|商品名称|商品标题|宝贝标题|产品|产品名称|品名"
    ),
    "sku": listed("sku|variant|variant name|specification|size|规格|商品规格|商品属性|属性|颜色尺码"),
    "category": listed("category|department|product category|product type|类目|分类|品类|商品分类|类别"),
    "quantity": listed("quantity|qty|count|units|pieces|item quantity|数量|购买数量|件数|商品数量"),
    "unit_price": listed("unit price|price|item price|单价|价格|商品单价|售价"),
    "line_amount": listed("line amount|line total|item total|subtotal|小计|商品金额|行金额"),
}

MEMBER_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "external_id": listed(
        "external_id|id|member|member id|member no|member number|customer id|customer no|customer code|user id|card no|"
        "card number|"
        "会员编号|会员号|会员ID|会员卡号|卡号|编号|客户编号|客户ID|顾客编号|用户ID"
    ),
    "name": listed("name|full name|customer name|member name|姓名|会员姓名|名字|客户姓名|客户名称|会员名称|昵称"),
    "gender": listed("gender|sex|性别"),
    "birth_date": listed("birth date|birthday|birthdate|date of birth|dob|生日|出生日期|出生年月日"),
    "phone": listed(
        "phone|mobile|phone number|mobile number|cell|cellphone|telephone|tel|手机|手机号|手机号码|电话|联系电话|联系手机"
    ),
    "email": listed("email|e-mail|email address|mail|邮箱|电子邮箱|电子邮件|邮件"),
    "province": listed("province|state|region|省|省份"),
    "city": listed("city|town|市|城市|所在城市"),
    "address": listed("address|street|地址|联系地址|家庭住址"),
    "registered_at": listed(
        "registered at|registered|registration date|join date|joined|signup date|created at|member since|"
        "注册时间|注册日期|入会时间|入会日期|开卡日期"
    ),
    "source": listed("source|channel|registration source|来源|渠道|注册来源|注册渠道"),
    "language": listed("language|locale|语言"),
    "time_zone": listed("time zone|timezone|时区"),
    "tags": listed("tags|tag|labels|groups|标签|会员标签"),
    "occupation": listed("occupation|job|profession|职业|工作"),
    "family": listed("family|marital status|household|家庭|婚姻状况|家庭情况"),
    "hobbies": listed("hobbies|hobby|interests|爱好|兴趣|兴趣爱好"),
    "referrer": listed("referrer|referred by|referral|inviter|推荐人|介绍人|邀请人"),
    "consent_at": listed("consent at|consent date|opt in date|同意时间|授权时间"),
    "birth_calendar": listed("birth calendar|calendar|历法|生日历法"),
    "consent_text_version": listed("consent text version|consent version|同意文本版本"),
    "consent_proof": listed("consent proof|consent source|同意凭证|授权方式"),
    "consent_sms": listed("consent sms|sms consent|sms opt in|accepts sms|sms marketing|短信同意|短信营销|接受短信"),
    "consent_email": listed(
        "consent email|email consent|email opt in|accepts marketing|accepts email marketing|newsletter|"
        "邮件同意|邮件营销|接受邮件|订阅邮件"
    ),
}

EVENT_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": listed("id|event id|event no|log id|事件编号|事件ID|流水号|编号"),
    "member": ORDER_SYNONYMS["member"],
    "kind": listed("kind|event|event type|event name|type|action|behaviour|behavior|事件|事件类型|行为|行为类型|动作"),
    "at": listed("at|time|event time|timestamp|occurred at|date|created at|时间|发生时间|事件时间|日期|行为时间"),
    "session_id": listed("session_id|session|session id|会话|会话ID"),
    "page": listed("page|url|page url|path|页面|页面地址|网址"),
    "dwell_seconds": listed("dwell_seconds|dwell|dwell time|duration|time on page|停留时间|停留秒数|停留时长"),
    "product": ORDER_SYNONYMS["product"],
    "category": ORDER_SYNONYMS["category"],
    "keyword": listed("keyword|search|query|search term|搜索词|关键词|关键字"),
    "rating": listed("rating|stars|score|评分|星级"),
    "topic": listed("topic|subject|reason|主题|原因|咨询主题"),
    "response_seconds": listed("response_seconds|response time|响应时间|响应秒数"),
    "value": listed("value|amount|数值|值"),
}

SYNONYMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "orders": ORDER_SYNONYMS,
    "members": MEMBER_SYNONYMS,
    "events": EVENT_SYNONYMS,
}

KIND_WORDS: Mapping[str, str] = {
    **dict.fromkeys(listed("view|product view|page view|浏览|查看|浏览商品"), "view"),
    **dict.fromkeys(listed("visit|session start|访问|到访|登录"), "visit"),
    **dict.fromkeys(listed("search|搜索"), "search"),
    **dict.fromkeys(listed("favourite|favorite|wishlist|wishlist add|收藏"), "favourite"),
    **dict.fromkeys(listed("cart add|add to cart|加购|加入购物车"), "cart_add"),
    **dict.fromkeys(listed("cart remove|remove from cart|移出购物车"), "cart_remove"),
    **dict.fromkeys(listed("checkout|begin checkout|结算|去结算"), "checkout"),
    **dict.fromkeys(listed("review|评价|评论"), "review"),
    **dict.fromkeys(listed("share|分享"), "share"),
    **dict.fromkeys(listed("invite|邀请"), "invite"),
    **dict.fromkeys(listed("service|support|咨询|客服"), "service"),
    **dict.fromkeys(listed("complaint|投诉"), "complaint"),
    **dict.fromkeys(listed("suggestion|建议"), "suggestion"),
    **dict.fromkeys(listed("survey|问卷|调查"), "survey"),
}
"""What people write for the kinds of behaviour events."""

STATUS_WORDS: Mapping[str, OrderStatus] = {
    **{plain(words): status for words, status in TAOBAO_STATUS.items()},
    **{status.value: status for status in OrderStatus},
    **dict.fromkeys(
        listed("new|open|pending|created|unpaid|awaiting payment|pending payment|on hold|新订单"), OrderStatus.PLACED
    ),
    **dict.fromkeys(
        listed("processing|confirmed|authorized|payment received|awaiting shipment|待配货|处理中"), OrderStatus.PAID
    ),
    **dict.fromkeys(
        listed("sent|dispatched|in transit|fulfilled|partially shipped|delivering|配送中|运输中"), OrderStatus.SHIPPED
    ),
    **dict.fromkeys(
        listed(
            "complete|done|finished|delivered|closed|success|successful|received|refunded|完成|成功|已收货|已签收|已成交"
        ),
        OrderStatus.COMPLETED,
    ),
    **dict.fromkeys(listed("canceled|void|voided|failed|expired|取消|作废|失败|关闭|交易取消"), OrderStatus.CANCELLED),
}

GENDER_WORDS: Mapping[str, str] = {
    **dict.fromkeys(listed("female|f|woman|w|ms|mrs|女|女性|女士"), "female"),
    **dict.fromkeys(listed("male|m|man|mr|男|男性|先生"), "male"),
    **dict.fromkeys(listed("other|x|diverse|其他"), "other"),
    **dict.fromkeys(listed("unknown|n/a|u|未知|保密"), ""),
}
