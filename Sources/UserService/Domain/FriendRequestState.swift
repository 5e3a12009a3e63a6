// SPDX-License-Identifier: Apache-2.0

/// The life of a friend request: pending, and then one of three ends.
enum FriendRequestState: String, Sendable, CaseIterable, Codable {
    case pending, accepted, declined, cancelled

    /// What can be done with a request.
    enum Action: String, Sendable, CaseIterable {
        case accept, decline, cancel

        var result: FriendRequestState {
            switch self {
            case .accept: .accepted
            case .decline: .declined
            case .cancel: .cancelled
            }
        }
    }

    /// What somebody is to a request.
    enum Role: Sendable, CaseIterable {
        case sender, receiver, stranger

        func may(_ action: Action) -> Bool {
            switch self {
            case .sender: action == .cancel
            case .receiver: action != .cancel
            case .stranger: false
            }
        }
    }

    enum Outcome: Sendable, Equatable {
        /// The request has a new state.
        case moved(FriendRequestState)
        /// The same was done before: nothing changes, and that is a success.
        case unchanged
        /// Somebody else may do this, but not this one.
        case forbidden
        /// It has ended in another way.
        case conflict
    }

    /// What becomes of a request in this state.
    func outcome(of action: Action, by role: Role) -> Outcome {
        guard role.may(action) else { return .forbidden }
        if self == action.result { return .unchanged }
        return self == .pending ? .moved(action.result) : .conflict
    }
}
