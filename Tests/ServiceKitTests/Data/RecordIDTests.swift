// SPDX-License-Identifier: Apache-2.0

import ServiceKit
import Synchronization
import Testing

@Suite struct RecordIDTests {
    @Test("an id is 13 characters outside and comes back the same", arguments: [0, 1, 31, 32, 1 << 21, Int64.max])
    func roundTrip(value: Int64) throws {
        let id = RecordID(rawValue: value)
        #expect(id.description.utf8.count == 13)
        #expect(RecordID(id.description) == id)
    }

    @Test(
        "what no id prints is no id",
        arguments: [
            "", "0", "000000000000", "00000000000000", "000000000000i", "000000000000U", "8000000000000",
            "zzzzzzzzzzzzz",
            "00000000000é", " 000000000000", "-000000000001",
        ])
    func refused(text: String) {
        #expect(RecordID(text) == nil)
    }

    @Test("ids sort by their time as text and as numbers")
    func order() {
        let ids = [0, 1, 999, 1_790_000_000_000, 4_398_046_511_103].map { RecordID(firstOf: $0) }
        #expect(ids == ids.sorted())
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
        #expect(ids[3].millisecond == 1_790_000_000_000)
    }

    @Test(
        "times outside the range become its ends",
        arguments: [(-1, 0), (Int64.max, 4_398_046_511_103)] as [(Int64, Int64)])
    func clamped(millisecond: Int64, expected: Int64) {
        #expect(RecordID(firstOf: millisecond).millisecond == expected)
    }

    @Test("a generator's ids only grow while its clock stands, jumps and runs back")
    func monotonic() {
        let clock = Mutex([1000, 1000, 1000, 5000, 4000, 4000, 5001].map(Int64.init))
        let generator = RecordIDGenerator { clock.withLock { $0.removeFirst() } }
        let ids = (0..<7).map { _ in generator.next() }
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 })
        #expect(ids.map(\.millisecond) == [1000, 1000, 1000, 5000, 5000, 5000, 5001])
    }

    @Test("a generator continues above the highest stored id although the clock was set back")
    func afterRestart() {
        let stored = RecordID(firstOf: 9000)
        #expect(RecordIDGenerator(after: stored, now: { 10 }).next() > stored)
    }

    @Test("generators are safe to share")
    func concurrent() async {
        let generator = RecordIDGenerator(now: { 7 })
        let ids = await withTaskGroup(of: [RecordID].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<500).map { _ in generator.next() } }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(ids).count == 4000)
    }

    @Test(
        "times are printed as ISO 8601 in UTC",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_827_696_789, "2000-02-29T12:34:56.789Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func timestamp(milliseconds: Int64, expected: String) {
        #expect(WallClock.text(milliseconds) == expected)
    }

    @Test("a cursor comes back for its list only")
    func cursor() {
        let cursor = PageCursor(list: .homeTimeline, position: RecordID(firstOf: 5))
        #expect(PageCursor(cursor.text, of: .homeTimeline) == cursor)
        #expect(PageCursor(cursor.text, of: .userTimeline) == nil)
        #expect(PageCursor("", of: .homeTimeline) == nil)
        #expect(PageCursor("h", of: .homeTimeline) == nil)
        #expect(PageCursor("h12", of: .homeTimeline) == nil)
    }

    @Test("a page shows its limit and says where the next begins", arguments: 0...4)
    func page(rows: Int) {
        let ids = (0..<Int64(rows)).map(RecordID.init(rawValue:))
        let page = Page(rows: ids, limit: 3, list: .notifications, id: \.self)
        #expect(page.items == Array(ids.prefix(3)))
        #expect(page.next?.position == (rows > 3 ? RecordID(rawValue: 2) : nil))
    }
}
