// SPDX-License-Identifier: Apache-2.0

/// The place where the next page of a list begins: opaque to clients, short, and tied to its list.
///
/// The text is a letter for the kind of list and the id of the last item that was shown. A page holds what comes
/// after that item, so that inserts and deletes between two pages neither repeat nor skip anything that stays.
package struct PageCursor: Sendable, Equatable {
    /// Which list a cursor belongs to; a cursor of one list is refused by the others.
    package enum List: Character, Sendable, CaseIterable {
        case homeTimeline = "h"
        case userTimeline = "u"
        case newestComments = "n"
        case oldestComments = "o"
        case notifications = "a"
        case friends = "f"
        case friendRequests = "r"
    }

    /// The list the cursor was made for.
    package let list: List
    /// The last item that was shown.
    package let position: RecordID

    /// A cursor behind an item of a list.
    package init(list: List, position: RecordID) {
        self.list = list
        self.position = position
    }

    /// A cursor from what a client sent, or nil when it is none or belongs to another list.
    package init?(_ text: some StringProtocol, of list: List) {
        guard text.first == list.rawValue, let position = RecordID(text.dropFirst()) else { return nil }
        self.init(list: list, position: position)
    }

    /// The text that clients send back.
    package var text: String { String(list.rawValue) + position.description }
}

/// One page of a list.
package struct Page<Item: Sendable>: Sendable {
    /// The items in the order of the list.
    package var items: [Item]
    /// Where the next page begins; nil at the end of the list.
    package var next: PageCursor?

    /// A page from items that are known to be all of it.
    package init(items: [Item], next: PageCursor? = nil) {
        self.items = items
        self.next = next
    }

    /// A page from the rows of a query that asked for one more than the page may hold: the extra row, which is not
    /// shown, says that there is a next page.
    package init(rows: [Item], limit: Int, list: PageCursor.List, id: (Item) -> RecordID) {
        items = rows
        if rows.count > limit {
            items.removeLast(rows.count - limit)
            next = items.last.map { PageCursor(list: list, position: id($0)) }
        }
    }

    /// The same page with other items, one for each.
    package func map<Other>(_ transform: (Item) throws -> Other) rethrows -> Page<Other> {
        Page<Other>(items: try items.map(transform), next: next)
    }
}
