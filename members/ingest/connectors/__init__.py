"""Reading what shop systems export: each kind of file is a connector, listed here once."""

from members.ingest.connectors.base import Connector, Registered
from members.ingest.connectors.own import OWN_EVENTS, OWN_MEMBERS, OWN_ORDERS
from members.ingest.connectors.shopify import ShopifyOrders
from members.ingest.connectors.taobao import TaobaoOrders
from members.ingest.connectors.taobao_lines import TaobaoLines

CONNECTORS: tuple[Connector, ...] = (TaobaoOrders(), TaobaoLines(), ShopifyOrders(), OWN_ORDERS, OWN_MEMBERS, OWN_EVENTS)
REGISTERED = Registered.of(CONNECTORS)

__all__ = ["CONNECTORS", "REGISTERED", "Connector"]
