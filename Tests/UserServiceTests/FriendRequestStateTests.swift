// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import UserService

@Suite("The life of a friend request")
struct FriendRequestStateTests {
    typealias State = FriendRequestState

    static let table: [(State, State.Action, State.Role, State.Outcome)] = [
        (.pending, .accept, .receiver, .moved(.accepted)),
        (.pending, .decline, .receiver, .moved(.declined)),
        (.pending, .cancel, .sender, .moved(.cancelled)),
        (.accepted, .accept, .receiver, .unchanged),
        (.declined, .decline, .receiver, .unchanged),
        (.cancelled, .cancel, .sender, .unchanged),
        (.accepted, .decline, .receiver, .conflict),
        (.accepted, .cancel, .sender, .conflict),
        (.declined, .accept, .receiver, .conflict),
        (.declined, .cancel, .sender, .conflict),
        (.cancelled, .accept, .receiver, .conflict),
        (.cancelled, .decline, .receiver, .conflict),
    ]

    @Test("those who may act move it once, repeat it without effect, and can't undo it", arguments: table)
    func transition(state: State, action: State.Action, role: State.Role, outcome: State.Outcome) {
        #expect(state.outcome(of: action, by: role) == outcome)
    }

    @Test("in every state, nobody does what is another's to do", arguments: State.allCases)
    func forbidden(state: State) {
        for action in State.Action.allCases {
            #expect(state.outcome(of: action, by: .stranger) == .forbidden)
            #expect((state.outcome(of: action, by: .sender) == .forbidden) == (action != .cancel))
            #expect((state.outcome(of: action, by: .receiver) == .forbidden) == (action == .cancel))
        }
    }
}
